"""Keep the files of a folder as a template and git say: one file for each model and stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow_gitops.app.serving.resolved_stages import ResolvedStages
from mlflow_gitops.core.observed.resolved import Resolved
from mlflow_gitops.edges.system.files import write_file
from mlflow_gitops.edges.system.limits.bounded import bounded
from mlflow_gitops.errors import Failure
from mlflow_gitops.render.serving.filled_template import FilledTemplate

MOST_BYTES = 1 << 20
"""The largest template that is read."""


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file: its name, whose it is, its content as it is (None if there is none) and as it
    should be."""

    name: str
    resolved: Resolved
    before: str | None
    after: str

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Rendering:
    """The files of a folder. `leftovers` are files of models and stages that no version holds any
    more, by name."""

    files: tuple[RenderedFile, ...]
    leftovers: Mapping[str, tuple[str, str]]


def read_template(file: Path) -> str:
    """A template's text. Raises Failure."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror or error}.") from None
    if len(data) > MOST_BYTES:
        raise Failure(f"{file} is larger than {MOST_BYTES >> 20} MiB.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Failure(f"{file} is not UTF-8 text.") from None


def rendering(template: FilledTemplate, stages: ResolvedStages, folder: Path) -> Rendering:
    """Fill the template, and compare with what the folder has. Nothing is written. Raises Failure
    if two models would share a file, or if a file is no plain file."""
    names: dict[str, Resolved] = {}
    files = []
    for resolved in stages.holders:
        with bounded():
            name = template.name(resolved.model, resolved.stage)
        first = names.setdefault(name.casefold(), resolved)
        if first is not resolved:
            raise Failure(
                f"{first.model} {first.stage} and {resolved.model} {resolved.stage} would both be"
                f" {name}.",
                fix="Name files by more with --name, such as '{{ model }}-{{ stage }}.yaml'.",
            )
        with bounded():
            text = template.fill(resolved)
        files.append(RenderedFile(name, resolved, _content(folder / name), text))

    leftovers = {}
    for model, stage in sorted(stages.vacant):
        with bounded():
            name = template.name(model, stage)
        if name.casefold() not in names and (folder / name).exists():
            leftovers[name] = (model, stage)
    return Rendering(tuple(files), leftovers)


def write(rendered: Rendering, folder: Path, *, prune: bool) -> None:
    """Write what differs; with `prune`, delete the leftovers. Raises Failure."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in rendered.files:
            if file.before is None:
                (folder / file.name).touch(exist_ok=False)
            if file.is_changed:
                write_file(folder / file.name, file.after.encode())
        for name in rendered.leftovers if prune else ():
            (folder / name).unlink()
    except OSError as error:
        raise Failure(f"{folder} cannot be written: {error.strerror or error}.") from None


def _content(file: Path) -> str | None:
    """A file's text; None if it does not exist. A link is refused: it could lead anywhere."""
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise Failure(f"{file} is no plain file.")
    try:
        return file.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror or error}.") from None
