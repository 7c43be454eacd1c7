"""`reproduce`: how a version was made, as a script, and what is missing for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from mlflow_gitops.app.evidence import RegistryEvidence
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.named_version import not_in_mlflow, observed_version, stage_aliases
from mlflow_gitops.commands.output import print_result, warn
from mlflow_gitops.core.observed.lineage import lineage_of
from mlflow_gitops.core.observed.recipe import Promotion, TrainingRecipe, make_recipe
from mlflow_gitops.core.recorded.values import ModelFile, Record, Unreadable
from mlflow_gitops.errors import OK, Failure, GitFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.checking import recipe as rendered
from mlflow_gitops.render.checking.recipe import RecipeOutput
from mlflow_gitops.settings import Settings


def run(settings: Settings, model: str, name: str, out: Path | None, form: str) -> int:
    """Print how the version that `name` means was made; with `out`, a new folder, write the script
    and what it needs there."""
    from mlflow_gitops.app.connect import connect

    workspace = Workspace(settings)
    registry = connect(workspace, warn)
    observed = registry.read(model)
    if observed is None or observed.is_prompt:
        raise not_in_mlflow(model, registry.display_uri)
    aliases = stage_aliases(workspace, model, observed.kind, stageless=registry.stageless)
    number = observed_version(name, observed, aliases)
    version = observed.versions[number]
    manifest = workspace.tree().manifests.get(model)
    spec = manifest.versions.get(number) if manifest is not None else None

    evidence = RegistryEvidence(registry)
    record: Record | None
    file: ModelFile | None
    try:
        record = evidence.record(version)
    except Unreadable as reason:
        record = Record(fault=f"it cannot be read ({reason})")
    try:
        file = evidence.model_file(model, version)
    except Unreadable:
        file = None

    lineage = lineage_of(spec, version, record)
    base = TrainingRecipe(
        model,
        number,
        digest=spec.files_digest if spec is not None else None,
        is_here=lineage.code_commit is not None and workspace.git.exists(lineage.code_commit),
        promotions=tuple(_promotions(workspace, model, number)),
    )
    recipe = make_recipe(base, lineage, record, file)
    if out is not None:
        _write(out, recipe, str(workspace.top.resolve()))
    output = RecipeOutput(recipe, str(out) if out is not None else None)
    print_result(formats.REPRODUCE, form, output)
    return OK


def _promotions(workspace: Workspace, model: str, number: int) -> Iterator[Promotion]:
    """The receipts of this clone by which the version came to hold a stage."""
    try:
        receipts = workspace.receipts_branch.receipts()
    except GitFailure:
        return
    for receipt in receipts:
        for recorded in receipt.models():
            if recorded.model != model:
                continue
            for stage, version in sorted(recorded.entered):
                if version == number:
                    yield Promotion(stage, receipt.at, receipt.commit, receipt.digest)


def _write(folder: Path, recipe: TrainingRecipe, repository: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Failure(f"{folder} is not empty.", fix="Name a new folder.")
        contents = {
            "reproduce.sh": rendered.script(recipe, repository),
            "requirements.txt": rendered.requirements(recipe),
            "params.json": json.dumps(dict(recipe.params), indent=2) + "\n",
            "metrics.json": json.dumps(dict(recipe.metrics), indent=2) + "\n",
            "missing.txt": "".join(f"{sentence}\n" for sentence in recipe.missing),
        }
        for name, content in contents.items():
            (folder / name).write_text(content, encoding="utf-8")
        (folder / "reproduce.sh").chmod(0o755)
    except OSError as error:
        raise Failure(f"{folder} cannot be written: {error.strerror or error}.") from None
