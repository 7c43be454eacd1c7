"""The status of all environments: models as rows, environments as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlflow_gitops.core.manifests.policy import matches
from mlflow_gitops.core.wording import NO_VALUE, counted, version_list
from mlflow_gitops.render.console.layout import Column, Styled, TableRow, paragraph, table_lines
from mlflow_gitops.render.terminal import Style, json_document, safe

Cells = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """What `status --format json` printed for one environment; `document` is None if it failed,
    and `error` then says why."""

    name: str
    exit_code: int
    document: Mapping[str, Any] | None
    error: str = ""


@dataclass(frozen=True)
class EnvironmentMatrix:
    """The statuses of all environments. `origins` are the versions that versions were copied from,
    by environment, model and version. `models` are those to show, by name or glob; none means
    all."""

    statuses: Sequence[EnvironmentStatus]
    origins: Mapping[str, Mapping[str, Mapping[int, str]]]
    models: Sequence[str] = ()

    @cached_property
    def cells(self) -> Cells:
        """By model and environment: its entry in that environment's status."""
        names = [model for model in self.models if "*" not in model and "?" not in model]
        cells: dict[str, dict[str, Mapping[str, Any]]] = {name: {} for name in names}
        for status in self.statuses:
            for entry in status.document["models"] if status.document else ():
                if not self.models or any(matches(entry["model"], glob) for glob in self.models):
                    cells.setdefault(entry["model"], {})[status.name] = entry
        return dict(sorted(cells.items()))

    def origin(self, environment: str, model: str, version: int) -> str | None:
        """What a version was copied from: `staging/5`."""
        return self.origins.get(environment, {}).get(model, {}).get(version)


def json(matrix: EnvironmentMatrix) -> Iterator[str]:
    """One JSON document (DESIGN §5)."""
    models = [
        {
            "model": model,
            "environments": {
                environment: {
                    key: entry[key] for key in ("sync", "stages", "desired", "commit", "refusals")
                }
                | {"copied_from": _origins(matrix, environment, entry)}
                for environment, entry in cells.items()
            },
        }
        for model, cells in matrix.cells.items()
    ]
    environments = [
        {"environment": status.name, "exit_code": status.exit_code, "error": status.error or None}
        for status in matrix.statuses
    ]
    return json_document({"environments": environments, "models": models})


def text(matrix: EnvironmentMatrix, style: Style | None = None) -> Iterator[str]:
    """One row for each model, one column for each environment."""
    style = style or Style()
    names = [status.name for status in matrix.statuses]
    rows = [("", *names)]
    rows += [(safe(model), *_row(matrix, model)) for model in matrix.cells]
    table = [
        TableRow(
            [Styled(cell, None if number else "bold") for cell in cells[:-1]], [Styled(cells[-1])]
        )
        for number, cells in enumerate(rows)
    ]
    yield from table_lines(table, [Column(12)] * len(names), style)

    for status in matrix.statuses:
        if status.document is None:
            sentence = f"{status.name} could not be read: {safe(status.error)}"
            yield from paragraph([Styled(sentence, "red")], style)
    models, environments = counted(len(matrix.cells), "model"), counted(len(names), "environment")
    yield f"{models} in {environments}."


def markdown(matrix: EnvironmentMatrix) -> Iterator[str]:
    """A table with one row for each model."""
    from mlflow_gitops.render.markdown_safe import cell, table

    names = [status.name for status in matrix.statuses]
    rows = [(cell(model), *(cell(text) for text in _row(matrix, model))) for model in matrix.cells]
    yield table(("model", *map(cell, names)), rows)
    for status in matrix.statuses:
        if status.document is None:
            yield f"\n{cell(status.name)} could not be read: {cell(status.error)}"


def _row(matrix: EnvironmentMatrix, model: str) -> Iterator[str]:
    for status in matrix.statuses:
        entry = matrix.cells[model].get(status.name)
        if status.document is None:
            yield "?"
        elif entry is None:
            yield NO_VALUE
        else:
            yield f"{entry['sync']}  {_holders(matrix, status.name, entry)}".rstrip()


def _holders(matrix: EnvironmentMatrix, environment: str, entry: Mapping[str, Any]) -> str:
    origins = _origins(matrix, environment, entry)
    phrases = []
    for stage, versions in entry["stages"].items():
        if stage == "Archived":
            continue
        copied = ", ".join(origins[str(version)] for version in versions if str(version) in origins)
        origin = f" (from {safe(copied)})" if copied else ""
        phrases.append(f"{safe(stage)} {version_list(versions)}{origin}")
    return ", ".join(phrases)


def _origins(
    matrix: EnvironmentMatrix, environment: str, entry: Mapping[str, Any]
) -> dict[str, str]:
    """The origins of the versions that hold a stage, by version."""
    holders = {version for versions in entry["stages"].values() for version in versions}
    found = {
        version: matrix.origin(environment, entry["model"], version) for version in sorted(holders)
    }
    return {str(version): origin for version, origin in found.items() if origin is not None}
