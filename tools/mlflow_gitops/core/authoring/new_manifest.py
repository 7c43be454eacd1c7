"""From MLflow to manifests: what a manifest says of a model as MLflow shows it.

What is declared is managed, so no more is taken than was asked for: stages, aliases and pins
always, descriptions and tags where they are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mlflow_gitops.core.authoring.edit_pins import identity
from mlflow_gitops.core.authoring.set_value import Path
from mlflow_gitops.core.manifests.names import ACTIVE_STAGES, Kind, is_reserved_tag, tag_fault
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.wording import and_list, or_list, version_list
from mlflow_gitops.core.yaml.document import CONTROL
from mlflow_gitops.core.yaml.text_edits import quoted

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./ :-]{0,249}\Z")
_TEXT, _SOURCE = 5000, 500
"""The most characters that the schema lets a text and a source have."""


@dataclass(frozen=True, slots=True)
class ImportScope:
    """What is taken beside stages, aliases and the pins of versions that hold one."""

    all_versions: bool = False
    descriptions: bool = False
    tags: bool = False


@dataclass(slots=True)
class ManifestContent:
    """What a manifest says of a model as MLflow shows it. `texts` are descriptions and tags by
    where they stand; `notes` say what a manifest cannot say."""

    stages: dict[str, tuple[int, ...]] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    pins: dict[int, dict[str, str]] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def content_of(
    seen: ObservedModel, rules: ModelPolicy, wants: ImportScope, also: Sequence[int] = ()
) -> ManifestContent:
    """What a manifest under these rules says of a model as MLflow shows it. Versions of `also` are
    pinned too."""
    taken = ManifestContent()
    _take_stages(seen, rules, taken)
    _take_aliases(seen, rules, taken)
    named = {v for held in taken.stages.values() for v in held} | set(taken.aliases.values())
    wanted = (
        seen.versions.keys() if wants.all_versions else (named | set(also)) & seen.versions.keys()
    )
    for number in sorted(wanted):
        pin = _pin(seen.versions[number], taken.notes)
        if pin:
            taken.pins[number] = pin
    if wants.descriptions:
        said: dict[Path, str] = {("description",): seen.description}
        said |= {
            ("versions", str(v), "description"): seen.versions[v].description
            for v in sorted(wanted)
        }
        for path, text in said.items():
            if text:
                _take_text(path, text, taken)
    if wants.tags:
        _take_tags(("tags",), seen.tags, taken)
        for number in sorted(wanted):
            _take_tags(("versions", str(number), "tags"), seen.versions[number].tags, taken)
    return taken


def _take_stages(seen: ObservedModel, rules: ModelPolicy, taken: ManifestContent) -> None:
    """Each stage's holders: MLflow's own stage leads, an alias of the policy speaks where that is
    empty or is not kept.

    A version that is archived needs no line.
    """
    native = {name for name, rule in rules.stages.items() if rule.native}
    placed = {
        v.number: v.stage
        for v in seen.versions.values()
        if v.stage in ACTIVE_STAGES and v.stage in native
    }
    for stage, rule in rules.stages.items():
        if stage == "Archived":
            continue
        held = seen.holders(stage) if rule.native else ()
        if rule.alias and len(held) > 1:
            rest = version_list(held[:-1])
            taken.notes.append(
                f"{stage} is kept as an alias and holds one version: {held[-1]}, which MLflow"
                f" serves, not {rest}"
            )
            held = held[-1:]
        pointed = seen.aliases.get(rule.alias) if rule.alias and not held else None
        if pointed is not None and pointed in seen.versions:
            other = placed.get(pointed, stage) if rule.native else stage
            if other == stage:
                held = (pointed,)
                placed |= {pointed: stage} if rule.native else {}
            else:
                taken.notes.append(
                    f"the alias {rule.alias!r} of {stage} points at {pointed}, which holds {other};"
                    " not taken"
                )
        if held:
            taken.stages[stage] = held


def _take_aliases(seen: ObservedModel, rules: ModelPolicy, taken: ManifestContent) -> None:
    kept = {alias.lower(): stage for alias, stage in rules.stage_aliases.items()}
    for alias, version in sorted(seen.aliases.items()):
        follows = kept.get(alias.lower())
        if alias in rules.stage_aliases:
            continue  # it follows its stage
        if follows:
            taken.notes.append(f"the alias {alias!r} is that of {follows} but for case; not taken")
        elif not _ALIAS.match(alias):
            taken.notes.append(f"a manifest cannot name the alias {alias!r}; not taken")
        elif version not in seen.versions:
            taken.notes.append(
                f"the alias {alias!r} points at version {version}, which MLflow does not show; not"
                " taken"
            )
        elif rules.alias_only is not None and not any(
            version in taken.stages.get(s, ()) for s in rules.alias_only
        ):
            holders = or_list(rules.alias_only)
            taken.notes.append(
                f"the alias {alias!r} points at {version}, which does not hold {holders}; not taken"
            )
        else:
            taken.aliases[alias] = version


def _pin(version: ObservedVersion, notes: list[str]) -> dict[str, str]:
    """A version's identity, as far as a manifest can say it."""
    known = identity(version)
    pin = {
        word: value
        for word, value in known.items()
        if word in ("source", "digest") or _WORD.match(value)
    }
    source = pin.get("source", "")
    if source and (len(source) > _SOURCE or CONTROL.search(source) or _has_credentials(source)):
        del pin["source"]
    if left := sorted(known.keys() - pin.keys()):
        notes.append(
            f"version {version.number} is not pinned to its {and_list(left)}: it cannot stand"
            " in a manifest"
        )
    elif not known:
        notes.append(f"version {version.number} has neither run nor source, so nothing pins it")
    return pin


def _has_credentials(source: str) -> bool:
    try:
        return "@" in urlsplit(source).netloc
    except ValueError:
        return False


def _take_text(path: Path, text: str, taken: ManifestContent) -> None:
    if len(text) > _TEXT or CONTROL.search(text) or "\r" in text:
        taken.notes.append(f"{'.'.join(path)} cannot stand in a manifest; not taken")
    else:
        taken.texts[path] = text


def _take_tags(path: Path, tags: Mapping[str, str], taken: ManifestContent) -> None:
    for key, value in sorted(tags.items()):
        if is_reserved_tag(key):
            continue
        if not _TAG.match(key) or tag_fault(key):
            taken.notes.append(f"a manifest cannot name the tag {key!r}; not taken")
        else:
            _take_text((*path, key), value, taken)


# -- a new manifest -----------------------------------------------------------------------------------------------------


def new_manifest(
    name: str, taken: ManifestContent, schema: str | None, kind: Kind = "model"
) -> bytes:
    """A new manifest. `schema` is the path from its folder to the schema's copy, for editors; None
    where there is none."""
    lines = [f"# yaml-language-server: $schema={schema}"] if schema else []
    lines.append(f"name: {_text(name)}")
    if kind == "prompt":
        lines.append("kind: prompt")
    if ("description",) in taken.texts:
        lines += _described("", taken.texts[("description",)])
    lines += _block(
        "tags", {path[1]: _text(value) for path, value in taken.texts.items() if path[0] == "tags"}
    )
    stages = {stage: _versions(held) for stage, held in taken.stages.items()}
    lines += _block("stages", stages) or ["stages: {}"]
    lines += _block("aliases", {alias: str(version) for alias, version in taken.aliases.items()})
    lines += _versions_block(taken)
    return ("\n".join(lines) + "\n").encode()


def _versions_block(taken: ManifestContent) -> Iterator[str]:
    texts = {path: text for path, text in taken.texts.items() if path[0] == "versions"}
    numbers = sorted(taken.pins.keys() | {int(path[1]) for path in texts})
    if numbers:
        yield "versions:"
    for number in numbers:
        fields = {word: _text(value) for word, value in taken.pins.get(number, {}).items()}
        description = texts.get(("versions", str(number), "description"))
        tags = {
            path[3]: text
            for path, text in texts.items()
            if path[2] == "tags" and path[1] == str(number)
        }
        if description is None and not tags:
            yield (
                f"  {number}: {{{', '.join(f'{word}: {value}' for word, value in fields.items())}}}"
            )
            continue
        yield f"  {number}:"
        yield from (f"    {word}: {value}" for word, value in fields.items())
        if description is not None:
            yield from _described("    ", description)
        if tags:
            yield "    tags:"
            yield from (f"      {_text(key)}: {_text(value)}" for key, value in tags.items())


def _block(name: str, entries: Mapping[str, str]) -> list[str]:
    return (
        [f"{name}:", *(f"  {_text(key)}: {value}" for key, value in entries.items())]
        if entries
        else []
    )


def _described(indent: str, text: str) -> list[str]:
    """A description; several lines as a block, where that gives back the very text."""
    lines = text.removesuffix("\n").split("\n")
    plain = (
        all(line == line.strip() and line for line in (lines[0], lines[-1])) and "\t" not in text
    )
    if len(lines) == 1 or not plain or any(line != line.rstrip() for line in lines):
        return [f"{indent}description: {_text(text)}"]
    mark = "|" if text.endswith("\n") else "|-"
    return [
        f"{indent}description: {mark}",
        *(f"{indent}  {line}" if line else "" for line in lines),
    ]


def _text(value: str) -> str:
    return quoted(value, None)


def _versions(held: Sequence[int]) -> str:
    return str(held[0]) if len(held) == 1 else f"[{version_list(held)}]"
