"""Writes the text of a new manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlflow_gitops.core.authoring.edit_stages import stage_value
from mlflow_gitops.core.authoring.manifest_content import ManifestContent
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.yaml.text_edits import quoted


def new_manifest(
    name: str, content: ManifestContent, schema: str | None, kind: Kind = "model"
) -> bytes:
    """A new manifest. `schema` is the path from the manifest's folder to the repository's copy of
    the schema, for editors; None if there is no copy."""
    texts = content.texts
    lines = [f"# yaml-language-server: $schema={schema}"] if schema else []
    lines.append(f"name: {_text(name)}")
    if kind == "prompt":
        lines.append("kind: prompt")
    if ("description",) in texts:
        lines += _description("", texts[("description",)])

    tags = {path[1]: _text(value) for path, value in texts.items() if path[0] == "tags"}
    stages = {stage: stage_value(versions) for stage, versions in content.stages.items()}
    aliases = {alias: str(version) for alias, version in content.aliases.items()}
    lines += _section("tags", tags)
    lines += _section("stages", stages) or ["stages: {}"]
    lines += _section("aliases", aliases)
    lines += _versions(content)
    return ("\n".join(lines) + "\n").encode()


def _versions(content: ManifestContent) -> Iterator[str]:
    texts = {path: text for path, text in content.texts.items() if path[0] == "versions"}
    numbers = sorted(content.pins.keys() | {int(path[1]) for path in texts})
    if numbers:
        yield "versions:"
    for number in numbers:
        pins = {field: _text(value) for field, value in content.pins.get(number, {}).items()}
        own_texts = {path[2:]: text for path, text in texts.items() if path[1] == str(number)}
        if own_texts:
            yield f"  {number}:"
            yield from _version_block(pins, own_texts)
        else:
            fields = ", ".join(f"{field}: {value}" for field, value in pins.items())
            yield f"  {number}: {{{fields}}}"


def _version_block(pins: Mapping[str, str], texts: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """The lines of a version with a description or tags. `texts` has them by their paths below the
    version."""
    yield from (f"    {field}: {value}" for field, value in pins.items())
    if ("description",) in texts:
        yield from _description("    ", texts[("description",)])
    tags = {path[1]: text for path, text in texts.items() if path[0] == "tags"}
    if tags:
        yield "    tags:"
        yield from (f"      {_text(key)}: {_text(value)}" for key, value in tags.items())


def _section(name: str, entries: Mapping[str, str]) -> list[str]:
    if not entries:
        return []
    return [f"{name}:", *(f"  {_text(key)}: {value}" for key, value in entries.items())]


def _description(indentation: str, text: str) -> list[str]:
    """A description: several lines become a block scalar if reading it returns exactly this
    text."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) == 1 or not _fits_block_scalar(text, lines):
        return [f"{indentation}description: {_text(text)}"]
    header = "|" if text.endswith("\n") else "|-"
    block = [f"{indentation}  {line}" if line else "" for line in lines]
    return [f"{indentation}description: {header}", *block]


def _fits_block_scalar(text: str, lines: list[str]) -> bool:
    if "\t" in text or any(line != line.rstrip() for line in lines):
        return False
    return all(line and line == line.strip() for line in (lines[0], lines[-1]))


def _text(value: str) -> str:
    return quoted(value, None)
