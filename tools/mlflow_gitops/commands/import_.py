"""`import`: writes manifests from a live registry. Existing manifests are brought up to date with
MLflow and keep what people edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow_gitops.app.imports.importer import Importer, ImportOptions, ImportResult
from mlflow_gitops.app.imports.selection import select_models
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.next_steps import steps_after_import
from mlflow_gitops.commands.output import note, print_result, report_invalid, steps, warn
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.wording import counted, first_few
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import INVALID, OK
from mlflow_gitops.render import formats
from mlflow_gitops.render.plan.json import change_data
from mlflow_gitops.render.plan.phrases import change_text
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings


def run(settings: Settings, names: Sequence[str], options: ImportOptions) -> int:
    """Write the manifests of the models that `names` (names and globs) select, of all without
    names. Returns 3 if an existing manifest has errors; the others are written nevertheless."""
    workspace = Workspace(settings)
    has_folder = workspace.checkout.has_folder(str(workspace.registry))
    snapshot = workspace.tree() if has_folder else Snapshot()
    kinds = {workspace.registry.classify(problem.file) for problem in snapshot.errors}
    if kinds - {"manifest"}:
        return report_invalid(snapshot, options.form)

    progress = steps(settings)
    progress("reading MLflow")
    from mlflow_gitops.app.connect import connect

    registry = connect(workspace, warn)
    managed_prompts = {
        name for name, manifest in snapshot.manifests.items() if manifest.kind == "prompt"
    }
    selection = select_models(registry, names, managed_prompts, every_prompt=options.prompts)

    progress(f"importing {counted(len(selection.models), 'model')}")
    importer = Importer(workspace, registry, snapshot, selection.models, options)
    results = [
        importer.import_model(model, is_named=model.name in names) for model in selection.models
    ]
    if not options.dry_run:
        for result in results:
            if result.result in ("created", "updated"):
                files.put_file(workspace.top, result.file, result.new, new=result.old is None)
    _report(workspace, options, results, selection.prompts_left_out)
    return INVALID if any(result.result == "invalid" for result in results) else OK


def _report(
    workspace: Workspace,
    options: ImportOptions,
    results: Sequence[ImportResult],
    prompts: Sequence[str],
) -> None:
    settings = workspace.settings
    counts = {
        outcome: sum(result.result == outcome for result in results)
        for outcome in ("created", "updated", "unchanged", "left", "invalid")
    }
    pending = sum(bool(result.pending) for result in results)
    data = {
        "models": [_data(result) for result in results],
        "prompts": list(prompts),
        "summary": {**counts, "pending": pending},
    }
    diffs = [result.diff for result in results]
    print_result(formats.IMPORT, options.form, WrittenFiles(data, diffs))

    for result in results:
        for text in result.notes:
            warn(f"{result.model}: {text}.")
        if result.pending:
            changes = "; ".join(map(change_text, result.pending))
            note(settings, f"{result.model}: plan will show {changes}.")
    if prompts:
        left_out = f"{counted(len(prompts), 'prompt')} left out: {first_few(prompts, 3)}"
        note(settings, f"{left_out}. Add --prompts to import prompts, too.")
    _report_summary(workspace, options, counts, has_pending=bool(pending))


def _report_summary(
    workspace: Workspace, options: ImportOptions, counts: Mapping[str, int], *, has_pending: bool
) -> None:
    settings = workspace.settings
    summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    total = sum(counts.values())
    note(settings, f"{counted(total, 'model')}: {summary or 'none in MLflow'}.")
    if options.dry_run:
        note(settings, "Nothing was written.")
    elif counts["created"] == total > 0:
        note(settings, "Next:")
        for line in steps_after_import(workspace, is_unchanged=not has_pending):
            note(settings, line)
    elif counts["created"] or counts["updated"]:
        exception = " except the changes above" if has_pending else ""
        note(
            settings,
            f"Check with mlflow-gitops plan that MLflow will not change{exception}, then commit.",
        )


def _data(result: ImportResult) -> Mapping[str, Any]:
    return {
        "model": result.model,
        "file": result.file,
        "result": result.result,
        "diff": result.diff,
        "pending": [change_data(change) for change in result.pending],
        "notes": result.notes,
    }
