"""What a reconcile did, in Markdown for a job's summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlflow_gitops.core.wording import counted
from mlflow_gitops.render.markdown_safe import LIMIT, Block, bounded, code

_MARKS = {"applied": "✅", "deferred": "⏳", "refused": "❌", "failed": "❌"}
_URGENT = ("refused", "failed")
"""Results whose models are kept if the page is too long."""
_MOST_ERRORS = 20


def reconciled(report: Mapping[str, Any], limit: int = LIMIT) -> Iterator[str]:
    """Yield the page of a reconcile from its JSON: each model that is not `unchanged`, or invalid.

    Raises KeyError or TypeError for any other JSON.
    """
    entries: dict[str, list[str]] = {}
    for entry in report["changed"]:
        text = f"{code(entry['stage'])} {int(entry['version'])}"
        entries.setdefault(entry["model"], []).append(text)

    blocks = [
        _block(model, entries.get(model["model"], ()))
        for model in report["models"]
        if model["result"] != "unchanged" or model["refusals"]
    ]
    count, commit = report["summary"], code(str(report["commit"])[:12])
    tail = [f"- {_refusal(refusal)}" for refusal in report.get("refusals", ())]
    tail += [f"- invalid: {_error(error)}" for error in report.get("errors", ())[:_MOST_ERRORS]]
    tail.append(
        f"**Reconciled to {commit}: {counted(int(count['models']), 'model')},"
        f" {counted(int(count['changes']), 'change')}.**"
    )
    yield bounded("## Model registry: reconcile\n", blocks, "\n\n".join(tail), "model", limit, "\n")


def _block(model: Mapping[str, Any], entries: Sequence[str]) -> Block:
    """One model: its result, the stages that versions entered, refusals and an error."""
    head = f"{_MARKS.get(model['result'], '·')} {code(model['model'])} {model['result']}"
    if entries:
        head += f": {', '.join(entries)}"
    if model.get("deferred"):
        head += f" until {code(str(model['deferred']))}"

    lines = [f"- {head}"]
    lines += [f"  - {_refusal(refusal)}" for refusal in model["refusals"]]
    if model.get("error"):
        lines.append(f"  - {code(str(model['error']))}")
    return Block("\n".join(lines), lines[0], model["result"] in _URGENT)


def _refusal(refusal: Mapping[str, Any]) -> str:
    return f"{code(refusal['code'])}: {code(refusal['detail'])}; {code(refusal['way_out'])}"


def _error(error: Mapping[str, Any]) -> str:
    """What is invalid in git, and where."""
    position = code(f"{error['file']}:{error['line']}:{error['column']}")
    return f"{position} {code(error['code'])}: {code(error['message'])}"
