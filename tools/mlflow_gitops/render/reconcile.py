"""What a reconcile did, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlflow_gitops.core.plan.applied_changes import AppliedChange
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import counted
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.render.console.layout import Styled, paragraph
from mlflow_gitops.render.plan.drift import healed_drift
from mlflow_gitops.render.plan.json import change_data, refusal_data, verdict_data
from mlflow_gitops.render.plan.model_text import refusal_lines
from mlflow_gitops.render.problems import problem_data
from mlflow_gitops.render.terminal import Style, json_document, safe

_RESULT_TEXTS = ("applied", "adopted", "stamped", "unchanged", "deferred", "refused", "failed")
RESULTS = ("applied", "unchanged", "deferred", "refused", "failed")
_RESULT_COLOUR = {"applied": "green", "refused": "red", "failed": "red", "deferred": "yellow"}


@dataclass(frozen=True, slots=True)
class ReconcileOutput:
    """What a reconcile did. `receipt` is the new receipt's digest, None if none was written.
    `refusals` stopped the whole run. `still_refused` names the models that were already refused at
    the commit of `--since`. `errors` is what is invalid in git."""

    commit: str
    outcomes: Sequence[Outcome] = ()
    receipt: str | None = None
    refusals: Sequence[Refusal] = ()
    still_refused: Sequence[str] = ()
    errors: Sequence[Problem] = ()
    notifications: Sequence[tuple[AppliedChange, str | None]] | None = None
    """The changes that the command of --on-change was run for, each with why it failed; None
    without a command."""


def text(output: ReconcileOutput, style: Style | None = None) -> Iterator[str]:
    """Each model that was changed, refused or deferred, then one line that counts. Nothing if the
    whole run was refused: the plan, which is printed before, says why."""
    style = style or Style()
    if output.refusals:
        return
    for outcome in output.outcomes:
        if outcome.result != "unchanged" or outcome.is_invalid:
            yield from outcome_lines(outcome, style)
    yield closing(output.commit, output.outcomes)


def json(output: ReconcileOutput) -> Iterator[str]:
    """The reconcile as one JSON document."""
    return json_document(reconciled_data(output))


def outcome_lines(outcome: Outcome, style: Style) -> Iterator[str]:
    """What became of one model."""
    result = style(_result_text(outcome), _RESULT_COLOUR.get(outcome.result))
    head = f"{style(safe(outcome.model), 'bold')}  {result}"
    yield f"{head}  {counted(len(outcome.changes), 'change')}" if outcome.changes else head

    for sentence in healed_drift(outcome.changes):
        yield from paragraph([Styled(f"drift healed: {safe(sentence)}")], style, "  ")
    for stage, version in outcome.entered:
        yield f"  {stage} now holds {version}"
    if outcome.deferred:
        waiting = "; ".join(verdict.detail for verdict in outcome.gates if verdict.until)
        text = f" deferred until {outcome.deferred}: {safe(waiting)}"
        yield from paragraph([Styled("…", "yellow"), Styled(text)], style, "  ", "    ")
    for refusal in outcome.refusals:
        yield from refusal_lines(refusal, refusal.detail, style)
    if outcome.error:
        spans = [Styled("✗", "red"), Styled(f" {safe(outcome.error)}")]
        yield from paragraph(spans, style, "  ", "    ")


def closing(commit: str, outcomes: Sequence[Outcome]) -> str:
    """The last line of a reconcile, which counts the models by result."""
    count = summary(outcomes)
    counts = Counter(_result_text(outcome) for outcome in outcomes)
    results = ", ".join(f"{counts[text]} {text}" for text in _RESULT_TEXTS if counts[text])
    changes = counted(count["changes"], "change")
    if stamped := sum(map(_is_stamped, outcomes)):
        changes += f", and stamps on {counted(stamped, 'model')}"
    invalid = f"; {count['invalid']} invalid" if count["invalid"] else ""
    return f"Reconciled to {commit[:7]}: {results or 'no models'}; {changes}{invalid}."


def _result_text(outcome: Outcome) -> str:
    """The result; if nothing but stamps was written, `adopted` for a model that was new here, and
    `stamped` for any other."""
    if _is_stamped(outcome):
        return "adopted" if outcome.is_adoption else "stamped"
    return outcome.result


def _is_stamped(outcome: Outcome) -> bool:
    """Whether nothing but stamps was written: MLflow had the rest."""
    return outcome.result == "applied" and not outcome.changes


def reconciled_data(
    output: ReconcileOutput,
) -> dict[str, Any]:
    """What a reconcile did (DESIGN §5). `changed` lists each version that came to hold a stage and
    was read back there."""
    notified: dict[str, Any] = {}
    if output.notifications is not None:
        notified["on_change"] = [
            {**asdict(change), "error": error} for change, error in output.notifications
        ]
    return {
        "commit": output.commit,
        "models": [_model(outcome) for outcome in output.outcomes],
        "changed": [
            {"model": outcome.model, "stage": stage, "version": version}
            for outcome in output.outcomes
            for stage, version in outcome.entered
        ],
        "receipt": output.receipt,
        "refusals": [refusal_data(refusal) for refusal in output.refusals],
        "standing": list(output.still_refused),
        "errors": [problem_data(problem) for problem in output.errors],
        "summary": summary(output.outcomes),
        **notified,
    }


def _model(outcome: Outcome) -> dict[str, Any]:
    return {
        "model": outcome.model,
        "result": outcome.result,
        "changes": [change_data(change) for change in outcome.changes],
        "refusals": [refusal_data(refusal) for refusal in outcome.refusals],
        "error": outcome.error,
        "gates": [verdict_data(verdict) for verdict in outcome.gates],
        "deferred": outcome.deferred,
        "adoption": outcome.is_adoption,
    }


def summary(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many models ended with each result, and how many writes were read back as applied."""
    counts = {
        result: sum(1 for outcome in outcomes if outcome.result == result) for result in RESULTS
    }
    changes = sum(len(outcome.changes) for outcome in outcomes)
    invalid = sum(outcome.is_invalid for outcome in outcomes)
    return {"models": len(outcomes), **counts, "changes": changes, "invalid": invalid}
