"""`explain`: what a code means that some command printed."""

from __future__ import annotations

from mlflow_gitops.commands.output import note_for_people, print_result
from mlflow_gitops.core.explanations import explanations_of, read_explanations
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.errors import OK, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.reference.explanations import Explained
from mlflow_gitops.settings import Settings
from mlflow_gitops.shared import shared_path


def run(settings: Settings, code: str, form: str) -> int:
    """Print the explanation of a code; of all codes a line each if `code` is empty."""
    page = (shared_path("registry") / "codes.md").read_text(encoding="utf-8")
    explanations = read_explanations(page)
    if not code:
        print_result(formats.EXPLAIN, form, Explained(explanations, is_list=True))
        note_for_people(settings, form, "One of them whole: mlflow-gitops explain CODE")
        return OK

    found = explanations_of(code, explanations)
    if not found:
        names = {name for entry in explanations for name in (entry.code, entry.title)}
        hint = did_you_mean(code, sorted(names))
        raise UsageFailure(
            f"There is no code {code!r}; {hint}" if hint else f"There is no code {code!r}.",
            fix="mlflow-gitops explain lists all.",
        )
    print_result(formats.EXPLAIN, form, Explained(found))
    return OK
