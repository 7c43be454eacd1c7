"""New versions that are proposed for a stage: which one, on which branch, and what was decided
before. Pure.

A proposal is one pull request a model. The first line of its text says, invisibly, which version it
proposes: what is still open is brought up to date by it, and what a person closed is not proposed
again.
"""

from __future__ import annotations

import hashlib
import re

from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import HELD_PREFIX, ObservedModel

BRANCHES = "mlflow-gitops/propose/"
"""What the branches of all proposals begin with."""

SIGNED = "Proposed-by: mlflow-gitops"
"""The last line of the commits made here."""

_LONGEST = 200
"""Characters of a branch's last part: git keeps a branch in a file of its name."""
_UNSAFE_DOT = re.compile(r"\.(?=\.|\Z|lock\Z)")
_PLAIN = re.compile(r"[\w .-]+")
_MARKER = re.compile(r"<!-- mlflow-gitops:propose (?P<version>[1-9][0-9]{0,9}) -->")


def branch_part(model: str) -> str:
    """The last part of the name of a model's branch: its file's stem, with what git allows in no
    branch encoded in the same way."""
    name = _UNSAFE_DOT.sub("%2E", file_stem(model).replace(" ", "%20"))
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 13]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return name


def subject(model: str, version: int, stage: str) -> str:
    """What a proposal is called, in the commit and on GitHub, where a name must neither mention nor
    close anything: one that has more than words in it is told as its file is called."""
    return f"Promote {model if _PLAIN.fullmatch(model) else file_stem(model)} {version} to {stage}"


def marker(version: int) -> str:
    """The key of a proposal's marker."""
    return f"propose {version}"


def proposed_in(text: str) -> int | None:
    """The version that a pull request's text says it proposes. The marker is its first line, so
    that the first one counts."""
    found = _MARKER.search(text)
    return int(found["version"]) if found else None


def withdrawn(text: str) -> str:
    """The text of a proposal that nobody decided about: the same without its marker."""
    return _MARKER.sub("", text, count=1).lstrip("\n")


def newest(manifest: Manifest, seen: ObservedModel) -> int | None:
    """The version to propose: the newest that is READY, if it is newer than all that the manifest
    names and never held a stage. None where there is none.

    A number that the manifest pins and gives no stage was looked at already; so was one that held a
    stage before.
    """
    named = (
        0,
        *(version for held in manifest.stages.values() for version in held),
        *manifest.aliases.values(),
        *manifest.versions,
    )
    new = (
        version.number
        for version in seen.versions.values()
        if version.status == "READY"
        and not any(tag.startswith(HELD_PREFIX) for tag in version.tags)
    )
    return max((number for number in new if number > max(named)), default=None)


def counterpart(manifest: Manifest, stage: str) -> int | None:
    """The version that a new one is compared with: what the stage serves, else Production, else the
    newest that holds any stage."""
    for held in (manifest.stages.get(stage), manifest.stages.get("Production")):
        if held:
            return max(held)
    return max(
        (max(held) for name, held in manifest.stages.items() if held and name != "Archived"),
        default=None,
    )


def made_here(mail: str, parents: int, on_main: bool, message: str, me: str) -> bool:
    """Whether a branch's newest commit is one of ours, which may be replaced: we committed it,
    right on top of the main line, and it says so. Whoever amends, rebases or adds to it makes
    another one."""
    return (mail, parents, on_main) == (me, 1, True) and message.rstrip().endswith(f"\n{SIGNED}")
