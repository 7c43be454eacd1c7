"""Aliases that the registry cannot have, or that a policy does not allow (RULES R2, R3, R10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.core.wording import or_list


def alias_refusals(desired: Desired) -> Iterator[Refusal]:
    """Faults that `validate` cannot see: only the registry shows whether it keeps stages."""
    for stage, rule in desired.policy.stages.items():
        if rule.alias and len(desired.holders(stage)) > 1:
            yield Refusal(
                "stage",
                f"this registry keeps no stages; {stage} is the alias {rule.alias!r} there and"
                " holds one version at most",
                "name one version",
                field=stage,
            )
        if rule.alias in desired.manifest.aliases:
            yield Refusal(
                "stage",
                f"this registry keeps no stages; the alias {rule.alias!r} is the stage {stage}"
                " there",
                f"take the alias out, or give {stage} another one in the policy",
                field=stage,
            )


def unsupported_aliases(changes: Sequence[Change], context: PlanContext) -> Iterator[Refusal]:
    """The refusal of a model that needs an alias, on a server that keeps none."""
    change = next((change for change in changes if change.action == "set_alias"), None)
    reason = context.evidence.lack_of_aliases() if change is not None else None
    if change is not None and reason is not None:
        yield Refusal(
            "alias",
            f"git asks for the alias {change.key!r}, and {reason}",
            "upgrade the server; or keep stages without aliases: take them out of the policy's"
            " stages and of the manifest",
            field=change.key,
        )


def forbidden_aliases(desired: Desired, history: ModelHistory) -> Iterator[Refusal]:
    """Aliases that git gives to a version and that a policy before this change does not allow there
    (`aliases.only`, RULES R2, R3)."""
    base = history.before
    for alias, version in desired.manifest.aliases.items():
        if base is not None and base.manifest.aliases.get(alias) == version:
            continue
        for policy in history.judges:
            only = policy.alias_only
            if only is None or any(version in desired.holders(stage) for stage in only):
                continue
            stages = or_list(only) if only else "no stage at all"
            yield Refusal(
                "alias",
                f"the alias {alias!r} may only point at a version that holds {stages}, as the"
                f" policy before this change says; {version} does not",
                "point it at such a version, or let the policy's change be merged and reconciled"
                " first",
                "commit",
                version=version,
                field=alias,
            )
            break
