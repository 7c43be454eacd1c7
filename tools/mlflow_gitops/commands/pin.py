"""`pin`: says in the manifest which version a number means."""

from __future__ import annotations

from mlflow_gitops.commands import manifest_file as sheets
from mlflow_gitops.commands.finish_edit import EditOptions, finish
from mlflow_gitops.commands.manifest_file import OpenManifest
from mlflow_gitops.commands.output import warn
from mlflow_gitops.core.authoring.edit_manifest import Edit
from mlflow_gitops.core.authoring.edit_pins import IDENTITY, identity
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import HIGHEST_TAG, ObservedModel
from mlflow_gitops.errors import Refused
from mlflow_gitops.settings import Settings


def run(
    settings: Settings, model: str, version: int, source: str | None, options: EditOptions
) -> int:
    """Write a version's run, source and logged model as MLflow has them; with `source`, for a
    version that MLflow does not have, where reconcile shall register it from."""
    sheet = sheets.open_manifest(settings, model, options.form)
    spec = sheet.manifest.versions.get(version, VersionSpec())
    seen = sheets.observe(sheet) if source is None else sheets.observe_or_warn(sheet)
    found = seen.versions.get(version) if seen is not None else None
    fields: dict[str, str | None]
    if found is not None:
        if source is not None and source != found.source:
            raise Refused(
                f"MLflow has version {version} of {model} already, from"
                f" {found.source or 'nowhere'}. Leave --source away to pin that one, or take the"
                " next number."
            )
        known = identity(found)
        # A logged model that is pinned, and right, stays, although the source may say it as well.
        fields = {
            word: (
                None
                if word not in known and getattr(spec, word) != getattr(found, word)
                else known.get(word)
            )
            for word in IDENTITY
            if word in known or getattr(spec, word) not in (None, getattr(found, word))
        }
    elif source is not None:
        if seen is not None:
            _can_be_registered(sheet, seen, version)
        fields = {"source": source}
        if spec.model_id and source.startswith("models:/") and source != f"models:/{spec.model_id}":
            fields["model_id"] = None
    else:
        assert seen is not None
        raise sheets.missing_version(sheet, seen, version)
    for word, value in fields.items():
        if (old := getattr(spec, word)) not in (None, value):
            warn(f"Version {version} was pinned to {word} {old}.")
    return finish(
        sheet,
        Edit({}, {version: fields}),
        f"Pin {sheet.name} {version}",
        [_said(source, found is None)],
        options,
    )


def _said(source: str | None, new: bool) -> str:
    return (
        f"Reconcile registers it from {source}."
        if new
        else "It is what MLflow has under this number."
    )


def _can_be_registered(sheet: OpenManifest, seen: ObservedModel, version: int) -> None:
    """MLflow never gives a number twice, so one that it has passed cannot come (RULES R2)."""
    noted = seen.tags.get(HIGHEST_TAG, "")
    highest = max([*seen.versions, int(noted) if noted.isdigit() else 0])
    if version <= highest:
        raise Refused(
            f"Version {version} of {sheet.name} cannot be registered: MLflow never gives a number"
            f" twice, and the next one is {highest + 1}."
        )
