"""The README of an evidence pack: how to check it without this program."""

from __future__ import annotations

import shlex
from pathlib import Path

from mlflow_gitops.render.markdown_safe import code

_TEMPLATE = Path(__file__).parents[1] / "templates" / "evidence.md"


def pack_readme(
    model: str, start: str, end: str, signed: int, receipts: int, branches: tuple[str, str]
) -> str:
    """The text. `start` and `end` say what the pack covers, `signed` and `receipts` how many
    receipts' commits are signed, and how many receipts there are. `branches` are the names of the
    main branch and of that of receipts."""
    main, receipts_branch = (shlex.quote(f"origin/{branch}") for branch in branches)
    template = _TEMPLATE.read_text(encoding="utf-8")
    return template.format(
        model=code(model),
        start=code(start),
        end=code(end),
        on_main=code(f"git merge-base --is-ancestor ID {main}"),
        chain=code(f"git log --show-signature {receipts_branch}"),
        signed=f"Here, {signed} of {receipts} receipts are in signed commits.",
    )
