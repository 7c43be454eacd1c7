"""The subject of a receipt's commit: a sentence about what its run did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.wording import counted

_LONGEST = 100
_NO_VERSION = "–"


def receipt_subject(content: Mapping[str, Any]) -> str:
    """What a receipt records, in one line: `Production of fraud-detector: 12 → 14`."""
    models = [RecordedModel(model) for model in content.get("models") or ()]
    subject = _of_models([model for model in models if model.is_changed] or models)
    if content.get("recovered") is True:
        subject = f"Recovered: {subject}"
    printable = "".join(letter if letter.isprintable() else "?" for letter in subject)
    return printable if len(printable) <= _LONGEST else printable[: _LONGEST - 1] + "…"


def _of_models(models: Sequence[RecordedModel]) -> str:
    if not models:
        return "Nothing changed"
    moves = [move for model in models for move in _moves(model)]
    if len(models) > 1:
        sentence = f"{counted(len(models), 'model')}: {', '.join(model.model for model in models)}"
        return f"{moves[0]}, and {len(models) - 1} more" if len(moves) == 1 else sentence
    return ", ".join(moves) or f"{models[0].model}: {_result(models[0])}"


def _moves(model: RecordedModel) -> Iterator[str]:
    """What came to hold each stage, and what held it before."""
    changes = [*model.changes, *model.already_applied]
    for stage, version in sorted(model.entered):
        before = [
            str(change["version"])
            for change in changes
            if change.get("from") == stage and change.get("version") != version
        ]
        yield f"{stage} of {model.model}: {', '.join(before) or _NO_VERSION} → {version}"


def _result(model: RecordedModel) -> str:
    count = len(model.changes)
    return counted(count, "change") if count else str(model.content.get("result"))
