"""What invalid files in git stop: their own model and, if the policy is invalid, entries of
protected stages (DESIGN §6, RULES R3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import new_holders
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import counted
from mlflow_gitops.core.yaml.problems import Problem

if TYPE_CHECKING:
    from mlflow_gitops.core.verdicts.evidence import Evidence


@dataclass(frozen=True, slots=True)
class FileErrors:
    """The errors in git that concern one model.

    `of_model` are those of its own files. If `is_held`, the state of the last valid commit
    is not known, and the model keeps what it was reconciled to. `of_policy` are those of the
    policy. If not `is_policy_known`, no commit has a valid policy.
    """

    of_model: tuple[Problem, ...] = ()
    is_held: bool = False
    of_policy: tuple[Problem, ...] = ()
    is_policy_known: bool = True

    def file_of(self, stem: str, file: str) -> str:
        """The manifest of a model: `file`, unless it has since been moved, with errors."""
        files = [problem.file for problem in self.of_model if stem_of(problem.file) == stem]
        return file if file in files or not files else files[0]


def invalid_model_refusal(errors: FileErrors) -> Refusal | None:
    """The refusal of a model with an invalid file; None if it has none. The state of the last valid
    commit is still carried out, unless that is not known."""
    if not errors.of_model:
        return None
    kept = "what it was reconciled to" if errors.is_held else "what the last valid commit asks for"
    return Refusal(
        "invalid",
        f"{_first(errors.of_model)}; the model keeps {kept}",
        "correct the file (mlflow-gitops validate shows every error) and merge that",
        "commit" if errors.is_held else "file",
    )


def invalid_policy_refusals(
    desired: Desired,
    history: ModelHistory,
    model: ObservedModel,
    errors: FileErrors,
    evidence: Evidence,
) -> Iterator[Refusal]:
    """While the policy is invalid, no version enters a protected stage, except by a rollback or an
    adoption. Without any valid policy, every stage counts as protected."""
    if not errors.of_policy:
        return
    from mlflow_gitops.core.verdicts.entry_tenures import EntryTenures  # few policies are invalid

    rollbacks = {
        (entry.stage, entry.version)
        for entry in history.entries
        if EntryTenures(entry, history, model, evidence).is_rollback
    }
    for stage, version in new_holders(desired, history.before):
        is_protected = desired.policy.stages[stage].protected or not errors.is_policy_known
        is_adopted = history.base_state == "none" and _shows(model, desired, stage, version)
        if not is_protected or is_adopted or (stage, version) in rollbacks:
            continue
        judged_by = "the last valid policy judges meanwhile"
        if not errors.is_policy_known:
            judged_by = "there is no earlier policy that is valid"
        yield Refusal(
            "policy_invalid",
            f"{version} may not enter {stage} while the policy is invalid:"
            f" {_first(errors.of_policy)}; {judged_by}",
            "correct the policy and merge that; a rollback is not held back",
            "commit",
            version=version,
            field=stage,
        )


def _shows(model: ObservedModel, desired: Desired, stage: str, version: int) -> bool:
    rule = desired.policy.stages[stage]
    if rule.native:
        return version in model.holders(stage)
    return model.aliases.get(rule.alias or "") == version


def _first(problems: tuple[Problem, ...]) -> str:
    first = problems[0]
    text = f"{first.file}:{first.line}:{first.column} {first.code}: {first.message}"
    others = len(problems) - 1
    return f"{text} (and {counted(others, 'more error')})" if others else text
