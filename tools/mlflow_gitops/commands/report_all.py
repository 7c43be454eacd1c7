"""`report --all-envs`: the report of each environment, and a page that links them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlflow_gitops.app.environments.all_statuses import run_in_each
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, steps, warn
from mlflow_gitops.core.wording import counted
from mlflow_gitops.edges.system.pages.folder import write_pages
from mlflow_gitops.errors import INVALID, OK, worst
from mlflow_gitops.render.report.page_names import FOLDER, INDEX
from mlflow_gitops.render.report.pages import GENERATOR, EnvironmentRow, environments_page
from mlflow_gitops.settings import Settings

_WRITTEN = (OK, INVALID)
"""The exit codes of `report` with which the pages are there."""


def run(settings: Settings, out: Path, flags: Mapping[str, bool | str | None]) -> int:
    """Write `out`/NAME/ for each environment, by a process of its own, and `out`/index.html.
    `flags` are options of `report` and their values. An environment that cannot be read is listed
    with the reason. The exit code is the worst of theirs."""
    workspace = Workspace(settings, all_environments=True)
    options = [part for flag, value in flags.items() for part in _written(flag, value)]
    folder = out.absolute()
    steps(settings)("writing the report of every environment")
    ended = run_in_each(workspace, lambda name: ["report", "--out", str(folder / name), *options])

    rows = []
    for name, report in ended.items():
        is_written = report.exit_code in _WRITTEN
        fault = "" if report.exit_code == OK else report.last_message
        address = workspace.environments[name].tracking_uri
        rows.append(EnvironmentRow(name, address, f"{name}/{INDEX}" if is_written else "", fault))
        if fault:
            warn(f"{name}: {fault}")

    page = environments_page(workspace.top.name, rows)
    write_pages(out, [(INDEX, page.encode("utf-8"))], FOLDER, GENERATOR)
    note(settings, f"Wrote {out / INDEX}: {counted(len(rows), 'environment')}.")
    return worst(*(report.exit_code for report in ended.values()))


def _written(flag: str, value: bool | str | None) -> list[str]:
    if isinstance(value, bool) or value is None:
        return [flag] if value else []
    return [flag, value]
