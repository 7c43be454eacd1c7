"""`compare`: two versions of one model, side by side."""

from __future__ import annotations

from mlflow_gitops.app.comparisons import side_by_side
from mlflow_gitops.app.evidence import RegistryEvidence
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import emit, emit_json, steps, warn
from mlflow_gitops.core.comparison.compare import meant
from mlflow_gitops.core.manifests.names import Kind
from mlflow_gitops.core.manifests.policy import read_policy
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import OK, Failure
from mlflow_gitops.render import comparison_text as render
from mlflow_gitops.render import plan_markdown
from mlflow_gitops.render.terminal import Style
from mlflow_gitops.settings import Settings


def run(settings: Settings, model: str, before: str, after: str, form: str) -> int:
    """Compare what `before` and `after` mean now: a version, a stage or an alias. What is not
    recorded is said, and is no error."""
    workspace = Workspace(settings)
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    registry = connect(workspace, warn)
    progress("reading MLflow")
    seen = registry.read(model)
    if seen is None:
        raise Failure(
            f"{model} is not in MLflow ({registry.display_uri}). Name a registered model or a prompt as"
            " MLflow spells it."
        )
    own = _own_stages(workspace, model, seen.kind, stageless=registry.stageless)
    one, two = (_version(name, seen, own) for name in (before, after))
    found = side_by_side(seen, one, two, RegistryEvidence(registry))
    if form == "json":
        emit_json(render.data(found))
    elif form == "markdown":
        emit(plan_markdown.comparison(found))
    else:
        emit(render.text(found, Style()))
    return OK


def _own_stages(workspace: Workspace, model: str, kind: Kind, *, stageless: bool) -> dict[str, str]:
    """The aliases behind stages that only the policy knows; none where there is no policy that can
    be read."""
    path = workspace.registry.policy_path
    read = files.read_file(workspace.top / path, path)
    policy = read_policy(read.data, path)[0] if read.data is not None else None
    if policy is None:
        return {}
    rules = (
        (policy.without_stages() if stageless else policy).for_model(model, kind).stages.values()
    )
    return {rule.name: rule.alias for rule in rules if rule.alias and not rule.native}


def _version(name: str, seen: ObservedModel, own: dict[str, str]) -> int:
    number = meant(name, seen, own)
    if number is None:
        has = ", ".join(map(str, sorted(seen.versions)[-8:])) or "none"
        also = f" and the aliases {', '.join(sorted(seen.aliases))}" if seen.aliases else ""
        raise Failure(
            f"{seen.name} has no version, stage or alias {name} in MLflow; it has the versions"
            f" {has}{also}."
        )
    return number
