"""Proposals of new versions for a stage: which version, on which branch, and what was decided
before.

Each model has at most one open proposal, which is a pull request. An invisible marker in the first
line of its text names the version. By it, an open proposal is updated, and a version whose proposal
a person closed is not proposed again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection

from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedModel

BRANCHES = "mlflow-gitops/propose/"
"""The prefix of all branches that propose new versions."""

ROLLBACK_BRANCHES = "mlflow-gitops/health/"
"""The prefix of all branches that propose to roll an unhealthy version back (RULES R14)."""

SIGNED = "Proposed-by: mlflow-gitops"
"""The last line of a proposal's commit message."""

_LONGEST = 200
"""Characters of a branch's last part: git keeps a branch in a file of this name."""
_UNSAFE_DOT = re.compile(r"\.(?=\.|\Z|lock\Z)")
_PLAIN = re.compile(r"[\w .-]+")
_MARKER = re.compile(r"<!-- mlflow-gitops:propose (?P<version>[1-9][0-9]{0,9}) -->")


def branch_part(model: str) -> str:
    """Return the last part of the name of a model's branch: its file's stem, in which characters
    that git forbids in branch names are percent-encoded as well."""
    name = _UNSAFE_DOT.sub("%2E", file_stem(model).replace(" ", "%20"))
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 13]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return name


def subject(model: str, version: int, stage: str) -> str:
    """Return the title of a proposal and the subject of its commit."""
    return f"Promote {title_name(model)} {version} to {stage}"


def rollback_subject(model: str, stage: str, versions: str) -> str:
    """Return the title of a proposal to roll a stage back, and the subject of its commit."""
    return f"Roll {title_name(model)} {stage} back to {versions}"


def title_name(model: str) -> str:
    """Return a model's name as a title may have it: on a forge, it must neither mention a person
    nor close an issue, so a name that consists of more than words appears as its file's stem."""
    return model if _PLAIN.fullmatch(model) else file_stem(model)


def marker_key(version: int) -> str:
    """Return the key of the marker in a proposal's text."""
    return f"propose {version}"


def proposed_in(body: str) -> int | None:
    """Return the version that a pull request's text proposes; None if it has no marker.

    The first marker counts, since a proposal's own is in the first line.
    """
    marker = _MARKER.search(body)
    return int(marker["version"]) if marker else None


def without_marker(body: str) -> str:
    """Return the text of a proposal that is closed although nobody decided about it."""
    return _MARKER.sub("", body, count=1).lstrip("\n")


def newest(
    manifest: Manifest,
    observed: ObservedModel,
    former_holders: Callable[[], Collection[int]] = frozenset,
) -> int | None:
    """Return the version to propose: the newest READY one that never held a stage, if it is newer
    than every version that the manifest names. None if there is none.

    Somebody has already decided about a version that the manifest pins without giving it a stage,
    and about one that held a stage before. `former_holders` returns these; it is only called if a
    version is newer than all that the manifest names.
    """
    in_manifest = [version for versions in manifest.stages.values() for version in versions]
    in_manifest += [*manifest.aliases.values(), *manifest.versions]
    newest_named = max(in_manifest, default=0)
    candidates = {
        version.number
        for version in observed.versions.values()
        if version.number > newest_named and version.status == "READY"
    }
    return max(candidates - set(former_holders()), default=None) if candidates else None


def counterpart(manifest: Manifest, stage: str) -> int | None:
    """Return the version that a new one is compared with: the one that the stage serves, else that
    of Production, else the newest that holds any stage but Archived."""
    for versions in (manifest.stages.get(stage), manifest.stages.get("Production")):
        if versions:
            return max(versions)
    served = [
        max(versions)
        for name, versions in manifest.stages.items()
        if versions and name != "Archived"
    ]
    return max(served, default=None)


def made_here(mail: str, parents: int, is_on_main: bool, message: str, committer: str) -> bool:
    """Whether a branch's newest commit was made by this command, and may be replaced.

    Its committer's address is ours (`committer`), its only parent is on the main line, and its
    message is signed. Anybody who amends, rebases or adds to it makes another commit.
    """
    is_unchanged = (mail, parents, is_on_main) == (committer, 1, True)
    return is_unchanged and message.rstrip().endswith(f"\n{SIGNED}")
