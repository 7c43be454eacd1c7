"""What a gate of another package works with. These names are stable; see `mlflow_gitops/README.md`.

A package adds a gate through the entry point group `mlflow_gitops.gates`. The entry point names a
function of a subject and of the settings that the policy has under `require: {plugins: {NAME: …}}`:

    def fairness(subject: Subject, settings: Any) -> Finding | Iterable[Finding]: ...

or a `Gate` made of such a function, which can also leave prompts or rollbacks unjudged:

    GATE = Gate("fairness", fairness, judges_prompts=False)

A gate fails closed: one that raises, or gives no finding, has not passed. `Unreadable`, which the
subject's methods raise if another system gives no answer, makes it `unknown`; let it through.
"""

from mlflow_gitops.core.gates.change_approvals import Approvals
from mlflow_gitops.core.gates.gate import Finding, Gate, failed, passed
from mlflow_gitops.core.gates.subject import Subject, Version
from mlflow_gitops.core.recorded.values import (
    Dataset,
    Metric,
    ModelFile,
    Record,
    Signature,
    Unreadable,
)

__all__ = [
    "Approvals",
    "Dataset",
    "Finding",
    "Gate",
    "Metric",
    "ModelFile",
    "Record",
    "Signature",
    "Subject",
    "Unreadable",
    "Version",
    "failed",
    "passed",
]
