"""In which folders the new manifests of an import go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.policy import matches
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.errors import UsageFailure


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders below models/ for new manifests: the folder of the first glob that matches the
    name, else the value of a tag."""

    globs: Sequence[tuple[str, str]] = ()
    tag: str | None = None

    def folder_for(self, model: ObservedModel) -> str:
        """The folder with a slash at its end; empty for models/ itself."""
        for glob, folder in self.globs:
            if matches(model.name, glob):
                return f"{folder}/"
        value = model.tags.get(self.tag, "") if self.tag else ""
        return f"{file_stem(value)}/" if value.strip() else ""


def read_folders(options: Sequence[str], tag: str | None) -> Folders:
    """The folders that `GLOB=FOLDER` options and a tag set. Raises UsageFailure for a folder
    outside models/."""
    pairs = []
    for option in options:
        glob, equals, folder = option.rpartition("=")
        parts = folder.strip("/").split("/")
        is_inside = all(part and not part.startswith(".") and "\\" not in part for part in parts)
        if not equals or not glob or not is_inside:
            raise UsageFailure(
                f"--folder takes GLOB=FOLDER, with a folder below models/, not {option!r}."
            )
        pairs.append((glob, "/".join(parts)))
    return Folders(pairs, tag)
