"""Gates: what the policy asks of a version that comes to hold a stage, each a pure function that
fails closed (RULES R3).

`judge` asks every gate of every entry. A gate takes a Subject and its settings and returns
findings; other packages add theirs through the entry point group `mlflow_gitops.gates`, with the
same form:

    def fairness(subject: Subject, settings: object) -> Finding: ...
"""

from mlflow_gitops.core.gates.judge import Judgement, judge
from mlflow_gitops.core.gates.subject import Finding, Gate, Subject
from mlflow_gitops.core.observed.recorded import Unreadable

__all__ = ["Finding", "Gate", "Judgement", "Subject", "Unreadable", "judge"]
