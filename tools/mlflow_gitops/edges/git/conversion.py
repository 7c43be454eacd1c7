"""Files whose content .gitattributes converts: what git would store of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlflow_gitops.core.wording import first_few
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure

_ATTRIBUTES = ("filter", "working-tree-encoding", "ident")
"""The attributes that change more than line ends (gitattributes(5)). Line ends need no conversion:
YAML takes both forms for one."""

_WITHOUT_CONVERSION = ("unspecified", "unset")


def stored_contents(git: Git, paths: Sequence[str]) -> Mapping[str, bytes | None]:
    """What git would store of those of these files that it converts, by path; None for a file that
    cannot be read from git. Raises GitFailure if a filter fails."""
    converted = _with_conversion(git, paths)
    if not converted:
        return {}

    feed = "".join(f"{path}\n" for path in converted)
    try:
        ids = git.output("hash-object", "-w", "--stdin-paths", feed=feed).split()
    except GitFailure as failure:
        raise GitFailure(
            f"A filter of .gitattributes cannot convert {first_few(converted, 1)}:"
            f" {failure.message}"
        ) from None
    contents = git.blobs(ids)
    return {path: contents.get(blob) for path, blob in zip(converted, ids, strict=True)}


def _with_conversion(git: Git, paths: Sequence[str]) -> list[str]:
    """Those of these files that have one of the attributes that convert content."""
    if not paths:
        return []
    feed = "".join(f"{path}\0" for path in paths)
    answer = git.output("check-attr", "-z", "--stdin", *_ATTRIBUTES, feed=feed)
    fields = answer.split("\0")
    rows = zip(fields[::3], fields[2::3], strict=False)
    return list(dict.fromkeys(path for path, value in rows if value not in _WITHOUT_CONVERSION))
