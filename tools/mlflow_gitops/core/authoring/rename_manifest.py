"""Gives the manifest of a model another name, and keeps the former one in `formerly`."""

from __future__ import annotations

import yaml

from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.yaml.text_edits import (
    UnsupportedLayout,
    compose,
    find_entry,
    quoted,
    replace_value,
    value_end,
)


def renamed_text(text: str, manifest: Manifest, name: str) -> str:
    """Return the text of a manifest with another name; comments and layout stay.

    Raises UnsupportedLayout if `name` is no plain key of the text.
    """
    former_names = [former for former in manifest.formerly if former != name]
    former_names.append(manifest.name)
    listed = f"[{', '.join(quoted(former, None) for former in former_names)}]"

    text = _with_former_names(text, listed)
    entry = find_entry(compose(text), "name")
    if entry is None:
        raise UnsupportedLayout
    _, key, value = entry
    return replace_value(text, key, value, quoted(name, value))


def _with_former_names(text: str, listed: str) -> str:
    root = compose(text)
    entry = find_entry(root, "formerly")
    if entry is not None:
        _, key, value = entry
        if isinstance(value, yaml.SequenceNode) and not value.flow_style:
            start: int = key.end_mark.index
            return f"{text[:start]}: {listed}{text[value_end(text, value) :]}"
        return replace_value(text, key, value, listed)

    entry = find_entry(root, "name")
    if entry is None:
        raise UnsupportedLayout
    _, key, value = entry
    end = value_end(text, value)
    if root.flow_style:
        return f"{text[:end]}, formerly: {listed}{text[end:]}"

    break_at = text.find("\n", end)
    line_break = "\r\n" if break_at > 0 and text[break_at - 1] == "\r" else "\n"
    if break_at < 0:
        return f"{text}{line_break}formerly: {listed}{line_break}"
    column = " " * key.start_mark.column
    return f"{text[: break_at + 1]}{column}formerly: {listed}{line_break}{text[break_at + 1 :]}"
