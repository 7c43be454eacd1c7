"""`compare`: two versions of one model, side by side."""

from __future__ import annotations

from mlflow_gitops.app.comparisons import compare_versions
from mlflow_gitops.app.evidence import RegistryEvidence
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.named_version import (
    not_in_mlflow,
    note_choice,
    observed_version,
    stage_aliases,
)
from mlflow_gitops.commands.output import print_result, steps, warn
from mlflow_gitops.errors import OK
from mlflow_gitops.render import formats
from mlflow_gitops.settings import Settings


def run(settings: Settings, model: str, before: str, after: str, form: str) -> int:
    """Compare the versions that `before` and `after` name now, each by its number, a stage or an
    alias. Properties that nobody recorded are shown as such and are no error."""
    workspace = Workspace(settings)
    from mlflow_gitops.app.connect import connect

    progress = steps(settings)
    progress("loading MLflow")
    registry = connect(workspace, warn)
    progress("reading MLflow")
    observed = registry.read(model)
    if observed is None:
        raise not_in_mlflow(model, registry.display_uri)

    aliases = stage_aliases(workspace, model, observed.kind, stageless=registry.stageless)
    old, new = (observed_version(name, observed, aliases) for name in (before, after))
    for name, number in ((before, old), (after, new)):
        note_choice(settings, name, number, observed)
    comparison = compare_versions(observed, old, new, RegistryEvidence(registry))
    print_result(formats.COMPARE, form, comparison)
    return OK
