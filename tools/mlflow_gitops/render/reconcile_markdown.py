"""What the workflows tell beside a plan, in Markdown: what a reconcile did, and why something could
not be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlflow_gitops.core.wording import counted
from mlflow_gitops.render.markdown_safe import LIMIT, Block, bounded, code

_MARKS = {"applied": "✅", "deferred": "⏳", "refused": "❌", "failed": "❌"}


def reconciled(done: Mapping[str, Any], limit: int = LIMIT) -> Iterator[str]:
    """A reconcile, from its JSON: each model that something happened to. Raises KeyError or
    TypeError for anything else."""
    told = [model for model in done["models"] if model["result"] != "unchanged"]
    entered: dict[str, list[str]] = {}
    for one in done["changed"]:
        entered.setdefault(one["model"], []).append(f"{code(one['stage'])} {int(one['version'])}")
    blocks = []
    for model in told:
        urgent = model["result"] in ("refused", "failed")
        lines = [f"{_MARKS.get(model['result'], '·')} {code(model['model'])} {model['result']}"]
        if now := entered.get(model["model"]):
            lines[0] += f": {', '.join(now)}"
        if model.get("deferred"):
            lines[0] += f" until {code(str(model['deferred']))}"
        lines += [
            f"  - {code(r['code'])}: {code(r['detail'])}; {code(r['way_out'])}"
            for r in model["refusals"]
        ]
        if model.get("error"):
            lines.append(f"  - {code(str(model['error']))}")
        blocks.append(
            Block("\n".join(f"- {lines[0]}".splitlines() + lines[1:]), f"- {lines[0]}", urgent)
        )
    tail = [
        f"- {code(r['code'])}: {code(r['detail'])}; {code(r['way_out'])}"
        for r in done.get("refusals", ())
    ]
    count = done["summary"]
    commit = code(str(done["commit"])[:12])
    tail.append(
        f"**Reconciled to {commit}: {counted(int(count['models']), 'model')},"
        f" {counted(int(count['changes']), 'change')}.**"
    )
    yield bounded("## Model registry: reconcile\n", blocks, "\n\n".join(tail), "model", limit, "\n")


def trouble(why: str) -> str:
    """A page that says why there is no plan."""
    return f"## Model registry: no plan\n\n{code(why, 2000)}"
