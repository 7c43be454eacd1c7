"""Which models and prompts an import takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.policy import matches
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.errors import Failure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


@dataclass(frozen=True, slots=True)
class ImportSelection:
    """The models and prompts to import, by name, and the names of the prompts that were left
    out."""

    models: Sequence[ObservedModel]
    prompts_left_out: Sequence[str]


def select_models(
    registry: Registry,
    names: Sequence[str],
    managed_prompts: Collection[str],
    *,
    every_prompt: bool,
) -> ImportSelection:
    """Read the models that `names` (names and globs) select from MLflow, all if there are none.

    Prompts are left out unless they have a manifest (`managed_prompts`), are named without a glob,
    or `every_prompt` is set. Raises Failure for a name that MLflow does not have.
    """
    globs = [name for name in names if "*" in name or "?" in name]
    observed = _observe(registry, names, has_globs=bool(globs))
    if (not names or globs) and (every_prompt or managed_prompts):
        observed |= registry.prompts()

    selected_prompts = observed.keys() if every_prompt else {*managed_prompts, *names}
    models = {
        name: model
        for name, model in observed.items()
        if not model.is_prompt or name in selected_prompts
    }
    _check_names(registry, names, globs, observed, models)

    all_names = observed.keys() if names else {*observed, *registry.prompt_names()}
    left_out = all_names - models.keys()
    return ImportSelection(
        models=[models[name] for name in sorted(models) if _is_selected(name, names)],
        prompts_left_out=sorted(name for name in left_out if _is_selected(name, names)),
    )


def _observe(
    registry: Registry, names: Sequence[str], *, has_globs: bool
) -> dict[str, ObservedModel]:
    if names and not has_globs:
        return registry.observe([*names], only=True)
    observed = registry.observe([*names], only=False)
    if not registry.stageless:
        return observed
    # The listing of such a registry (Unity Catalog) has only the names of models.
    return registry.observe([name for name in observed if _is_selected(name, names)], only=True)


def _is_selected(name: str, names: Collection[str]) -> bool:
    return not names or name in names or any(matches(name, glob) for glob in names)


def _check_names(
    registry: Registry,
    names: Sequence[str],
    globs: Collection[str],
    observed: Mapping[str, ObservedModel],
    models: Collection[str],
) -> None:
    for name in names:
        if name in observed:
            continue
        if name in globs and any(matches(model, name) for model in models):
            continue
        hint = did_you_mean(name, observed) or (
            f"run mlflow-gitops status to see the models that {registry.display_uri} has."
        )
        raise Failure(f"MLflow shows no model {name}; {hint}")
