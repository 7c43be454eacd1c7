"""The report of a watched repository, in memory: made again when somebody asks for it after a
round."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.plan.plan import Plan


class ServedReport:
    """The pages for the plan of the loop's last round (`last_plan`; None before the first). Making
    them takes git alone: it makes no request to MLflow."""

    def __init__(
        self, workspace: Callable[[], Workspace], last_plan: Callable[[], Plan | None]
    ) -> None:
        self._workspace = workspace
        self._last_plan = last_plan
        self._lock = threading.Lock()
        self._made_of: tuple[str, Plan | None] | None = None
        self._pages: dict[str, bytes] = {}

    def page(self, path: str) -> bytes | None:
        """A page by its path in the report. Raises Failure if git cannot be read."""
        with self._lock:  # one request makes them, the others wait for it
            workspace, plan = self._workspace(), self._last_plan()
            made_of = workspace.git.resolve(workspace.main_ref), plan
            if (
                self._made_of is None
                or self._made_of[0] != made_of[0]
                or self._made_of[1] is not plan
            ):
                self._pages = _pages(workspace, plan)
                self._made_of = made_of
            return self._pages.get(path)


def _pages(workspace: Workspace, plan: Plan | None) -> dict[str, bytes]:
    from mlflow_gitops.app.audit.git_report import git_report
    from mlflow_gitops.render.report.pages import report_pages

    report = git_report(workspace)
    if plan is not None and plan.commit == report.commit:
        report = replace(report, plan=plan, registry="MLflow when the last round began")
    return {path: html.encode("utf-8") for path, html in report_pages(report)}
