"""The lines of CODEOWNERS that stay because their manifest cannot be read (RULES R12).

The owners of an invalid manifest are not known, so those that CODEOWNERS names already still own
it. Without them, anybody could approve the change that makes the manifest valid again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of
from mlflow_gitops.core.manifests.snapshot import Snapshot

_WILD = r"[*?\[\]\\#\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
_UNESCAPED_SPACE = re.compile(r"(?<!\\) ")


def pattern(path: str) -> str:
    """The pattern that matches a path of the repository. The path of a folder ends in a slash.

    Characters with a meaning in patterns become `?`, which GitHub reads as any one character. The
    file name of a manifest has none of them (`names.file_stem`), and no two manifests have the same
    file name, so the pattern still matches only one manifest.
    """
    return "/" + re.sub(_WILD, "?", path).replace(" ", "\\ ")


def path_of(path_pattern: str) -> str:
    """The path that a pattern was made from, but for the characters that became `?`."""
    return path_pattern[1:].replace("\\ ", " ")


def pattern_of(line: str) -> str:
    """The pattern that a line begins with."""
    return _UNESCAPED_SPACE.split(line, maxsplit=1)[0]


def kept_lines(
    snapshot: Snapshot, registry: RegistryFolder, block: Iterable[str]
) -> dict[str, str]:
    """The lines of invalid manifests, by pattern. `block` has the present lines of the folder.

    A line stays if its file has errors, if its model has, or if its folder became a file with
    errors, such as a link. A file with errors that has no line of its own, such as one that was
    moved, gets the owners that its model has elsewhere in the block.
    """
    models = pattern(f"{registry}/models/")
    present = {pattern_of(line): line for line in block if line.startswith(models)}
    files = {error.file for error in snapshot.errors if error.file != registry.policy_path}
    patterns = {pattern(file) for file in files}
    stems = {pattern(file_stem(name)) for name in snapshot.validity.models}
    folders = tuple(f"{pattern(error.file)}/" for error in snapshot.validity.others)

    kept = {
        path: line
        for path, line in present.items()
        if path in patterns or _stem_of_pattern(path) in stems or path.startswith(folders)
    }
    for file in sorted(files):
        owners = _owners_elsewhere(kept, pattern(stem_of(file)))
        if registry.classify(file) == "manifest" and pattern(file) not in kept and owners:
            kept[pattern(file)] = f"{pattern(file)} {owners}"
    for manifest in snapshot.manifests.values():
        kept.pop(pattern(manifest.file), None)
    return kept


def _stem_of_pattern(path_pattern: str) -> str:
    return "/" + stem_of(path_pattern)


def _owners_elsewhere(kept: dict[str, str], stem: str) -> str:
    """The owners in another line of the same model; empty if there is none."""
    for path, line in kept.items():
        if _stem_of_pattern(path) == stem:
            return line.removeprefix(path).strip()
    return ""
