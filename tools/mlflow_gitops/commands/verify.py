"""`verify`: is all that MLflow shows explained by git and the receipts?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mlflow_gitops.app.verify import Verification, Verifier
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import emit, emit_json, steps, warn
from mlflow_gitops.core.audit.verification import Unexplained
from mlflow_gitops.core.wording import counted
from mlflow_gitops.errors import OK, REFUSED
from mlflow_gitops.render.terminal import Style, safe
from mlflow_gitops.settings import Settings


def run(
    settings: Settings, models: Sequence[str], *, everything: bool, signatures: bool, form: str
) -> int:
    """Verify MLflow against the main line. Exits 4 when something is unexplained; with
    `everything`, also when MLflow has models that nobody manages here."""
    workspace = Workspace(settings)
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    registry = connect(workspace, warn)
    verifier = Verifier(workspace, registry, signatures=signatures)
    found = verifier.verify(models, progress)
    if form == "json":
        emit_json(_data(found))
    else:
        emit(_text(found, Style()))
    return REFUSED if found.findings or (everything and found.unmanaged) else OK


def _data(found: Verification) -> dict[str, Any]:
    return {
        "commit": found.commit,
        "models": found.models,
        "unmanaged": list(found.unmanaged),
        "receipts": found.receipts,
        "unexplained": [
            {"model": one.model or None, "field": one.field, "detail": one.detail}
            for one in found.findings
        ],
    }


def _text(found: Verification, style: Style) -> Iterator[str]:
    by_model: dict[str, list[Unexplained]] = {}
    for one in found.findings:
        by_model.setdefault(one.model, []).append(one)
    for model, findings in by_model.items():
        yield style(safe(model) or "Receipts", "bold")
        for one in findings:
            yield f"  {style('✗', 'red')} {safe(one.field)}: {safe(one.detail)}"
    models = counted(found.models, "model")
    receipts = counted(found.receipts, "receipt")
    others = (
        f"; {len(found.unmanaged)} more in MLflow that nobody manages here"
        if found.unmanaged
        else ""
    )
    if found.findings:
        yield f"Verified {models} by {receipts}: {len(found.findings)} unexplained{others}."
    else:
        yield f"Verified {models} by {receipts}: all explained by {found.commit[:7]}{others}."
