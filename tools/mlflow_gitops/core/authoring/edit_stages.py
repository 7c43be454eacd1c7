"""Changes the versions of one stage in the text of a manifest."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from mlflow_gitops.core.authoring.set_value import find_section, rank
from mlflow_gitops.core.yaml.text_edits import (
    find_entry,
    has_comment,
    insert,
    insert_position,
    quoted,
    remove,
    replace_value,
)


def set_stage(text: str, stage: str, versions: Sequence[int], order: Sequence[str]) -> str:
    """Give a stage these versions (ascending). A stage that the manifest does not list yet is
    inserted by `order`, the policy's order of stages.

    Raises UnsupportedLayout if the manifest has no mapping of stages.
    """
    _, stages = find_section(text, "stages")
    entry = find_entry(stages, stage)
    if entry is None:
        return _add_stage(text, stage, versions, order) if versions else text

    index, key, value = entry
    if not versions:
        return _empty_stage(text, stage, stages, index)
    if isinstance(value, yaml.SequenceNode):
        return _set_list(text, stage, value, versions)
    new_value = stage_value(versions)
    return text if value.value == new_value else replace_value(text, key, value, new_value)


def stage_value(versions: Sequence[int]) -> str:
    """Versions as the value of a stage in flow style: `12`, or `[12, 14]`."""
    return str(versions[0]) if len(versions) == 1 else f"[{', '.join(map(str, versions))}]"


def _add_stage(text: str, stage: str, versions: Sequence[int], order: Sequence[str]) -> str:
    section_key, stages = find_section(text, "stages")
    style_node = stages.value[0][0] if stages.value else section_key
    entry = f"{quoted(stage, style_node)}: {stage_value(versions)}"
    ranks = [rank(key.value, order) for key, _ in stages.value]
    position = insert_position(ranks, rank(stage, order))
    return insert(text, stages, position, entry, section_key.end_mark.index)


def _empty_stage(text: str, stage: str, stages: yaml.MappingNode, index: int) -> str:
    """Remove the entry of a stage, or leave it with no version if removing it would lose a comment
    or leave no stage at all."""
    key, value = stages.value[index]
    if len(stages.value) > 1 and not has_comment(text, stages, index):
        return remove(text, stages, index)
    if isinstance(value, yaml.SequenceNode):
        return _set_list(text, stage, value, ())
    return replace_value(text, key, value, "null") if value.value.isdigit() else text


def _set_list(text: str, stage: str, node: yaml.SequenceNode, versions: Sequence[int]) -> str:
    """Change a list item by item. A new version takes the place of one that leaves; after that,
    the remaining versions are added or removed."""
    current = [int(item.value) for item in node.value]
    leaving = [index for index, version in enumerate(current) if version not in versions]
    new = [version for version in versions if version not in current]
    if not leaving and not new:
        return text

    if leaving and new:
        item = node.value[leaving[0]]
        text = text[: item.start_mark.index] + str(new[0]) + text[item.end_mark.index :]
    elif leaving:
        text = remove(text, node, leaving[0])
    else:
        text = insert(text, node, len(current), str(new[0]))

    entry = find_entry(find_section(text, "stages")[1], stage)
    if entry is None or not isinstance(entry[2], yaml.SequenceNode):
        return text  # a block list that lost its last item is null
    return _set_list(text, stage, entry[2], versions)
