"""`import`: writes manifests from a live registry; those that are there follow it, and keep what
people wrote."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlflow_gitops.app.import_manifests import (
    Folders,
    Importer,
    ImportOptions,
    ImportResult,
    matches,
)
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, print_result, report_invalid, steps, warn
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.wording import counted, did_you_mean, first_few
from mlflow_gitops.edges.system import files
from mlflow_gitops.errors import INVALID, OK, Failure, UsageFailure
from mlflow_gitops.render import formats
from mlflow_gitops.render.plan.json import change_data
from mlflow_gitops.render.plan.phrases import change_text
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


def run(settings: Settings, models: Sequence[str], options: ImportOptions) -> int:
    """Write the manifests of `models` (names, or globs), or of all that MLflow shows. Exits 3 where
    a manifest that is there is invalid; the others are written all the same."""
    workspace = Workspace(settings)
    here = (workspace.top / workspace.registry).is_dir()
    snapshot = workspace.tree() if here else Snapshot()
    if any(workspace.registry.classify(one.file) != "manifest" for one in snapshot.errors):
        return report_invalid(snapshot, options.form)
    progress = steps(settings)
    progress("reading MLflow")
    from mlflow_gitops.app.connect import connect

    registry = connect(workspace, warn)
    ours = {name for name, manifest in snapshot.manifests.items() if manifest.kind == "prompt"}
    found, prompts = _observe(registry, models, ours, every_prompt=options.prompts)
    progress(f"importing {counted(len(found), 'model')}")
    work = Importer(workspace, registry, snapshot, found, options)
    done = [work.import_model(model, named=model.name in models) for model in found]
    if not options.dry_run:
        for each in done:
            if each.result in ("created", "updated"):
                files.put_file(workspace.top, each.file, each.new, new=each.old is None)
    _tell(settings, options, done, prompts)
    return INVALID if any(each.result == "invalid" for each in done) else OK


def folders(globs: Sequence[str], tag: str | None) -> Folders:
    """The folders that `GLOB=FOLDER` options and a tag name. Raises UsageFailure for a folder
    outside models/."""
    pairs = []
    for one in globs:
        glob, equals, folder = one.rpartition("=")
        parts = folder.strip("/").split("/")
        if (
            not equals
            or not glob
            or any(not part or part.startswith(".") or "\\" in part for part in parts)
        ):
            raise UsageFailure(
                f"--folder takes GLOB=FOLDER, with a folder below models/, not {one!r}."
            )
        pairs.append((glob, "/".join(parts)))
    return Folders(pairs, tag)


def _observe(
    registry: Registry, wanted: Sequence[str], ours: Collection[str], *, every_prompt: bool
) -> tuple[list[ObservedModel], list[str]]:
    """The wanted models in the order of their names, and the prompts that were left out: all but
    those with a manifest (`ours`) or a name that was given, unless `every_prompt`. Raises Failure
    for a name that MLflow does not show."""
    globs = [name for name in wanted if "*" in name or "?" in name]
    everything = not wanted or bool(globs)
    found = registry.observe([*wanted], only=not everything)
    if everything and registry.stageless:  # a listing there has names alone
        found = registry.observe(
            [name for name in found if not wanted or _wanted(name, wanted)], only=True
        )
    if everything and (every_prompt or ours):
        found |= registry.prompts()
    taken = found.keys() if every_prompt else {*ours, *wanted}
    models = {name: model for name, model in found.items() if not model.is_prompt or name in taken}
    known = found.keys() if wanted else {*found, *registry.prompt_names()}
    prompts = sorted(name for name in known - models.keys() if not wanted or _wanted(name, wanted))
    for name in wanted:
        if name not in found and not (
            name in globs and any(matches(model, name) for model in models)
        ):
            hint = did_you_mean(name, found) or (
                f"run mlflow-gitops status to see the models that {registry.display_uri} has."
            )
            raise Failure(f"MLflow shows no model {name}; {hint}")
    return [models[name] for name in sorted(models) if not wanted or _wanted(name, wanted)], prompts


def _wanted(name: str, wanted: Collection[str]) -> bool:
    return name in wanted or any(matches(name, glob) for glob in wanted)


def _tell(
    settings: Settings, options: ImportOptions, done: Sequence[ImportResult], prompts: Sequence[str]
) -> None:
    counts = {
        result: sum(each.result == result for each in done)
        for result in ("created", "updated", "unchanged", "left")
    }
    counts["invalid"] = sum(each.result == "invalid" for each in done)
    counts["pending"] = sum(bool(each.pending) for each in done)
    data = {
        "models": [_data(imported) for imported in done],
        "prompts": list(prompts),
        "summary": counts,
    }
    diffs = [imported.diff for imported in done]
    print_result(formats.IMPORT, options.form, WrittenFiles(data, diffs))
    for each in done:
        for text in each.notes:
            warn(f"{each.model}: {text}.")
        if each.pending:
            note(
                settings,
                f"{each.model}: plan will show {'; '.join(map(change_text, each.pending))}.",
            )
    if prompts:
        left_out = f"{counted(len(prompts), 'prompt')} left out: {first_few(prompts, 3)}"
        note(settings, f"{left_out}. Add --prompts to import prompts, too.")
    said = [
        f"{counts[result]} {result}"
        for result in ("created", "updated", "unchanged", "left", "invalid")
        if counts[result]
    ]
    note(settings, f"{counted(len(done), 'model')}: {', '.join(said) or 'none in MLflow'}.")
    if options.dry_run:
        note(settings, "Nothing was written.")
    elif counts["created"] or counts["updated"]:
        rest = "" if not counts["pending"] else " but what is said above"
        note(
            settings,
            f"See with mlflow-gitops plan that nothing changes in MLflow{rest}, then commit.",
        )


def _data(each: ImportResult) -> Mapping[str, Any]:
    return {
        "model": each.model, "file": each.file, "result": each.result, "diff": each.diff,
        "pending": [change_data(change) for change in each.pending], "notes": each.notes,
    }  # fmt: skip
