"""What a round of the watch loop reports: as news for people, and as counts for the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mlflow_gitops.app.reconciling.earlier_refusals import reasons
from mlflow_gitops.app.reconciling.news import News, NewsDesk
from mlflow_gitops.app.reconciling.on_change import ChangeNotification
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.edges.system.unexpected import describe, print_traceback
from mlflow_gitops.errors import Failure, GitFailure, InvalidFiles, RegistryFailure, shortage
from mlflow_gitops.settings import Settings

if TYPE_CHECKING:
    from mlflow_gitops.edges.system.metrics.loop import Metrics


class RoundReport:
    """Reports the faults that a round meets. Each is news once, and is counted in every round."""

    def __init__(self, news: NewsDesk, metrics: Metrics) -> None:
        self._news = news
        self._metrics = metrics

    def fetched(self, remark: str | None) -> None:
        """The main line was fetched; `remark` says that the remote has another default branch."""
        self._news.clear("fetch")
        if remark:
            self._news.report("branch", remark, News(failure=remark))
        else:
            self._news.clear("branch")

    def failed_fetch(self, failure: GitFailure) -> None:
        """The main line could not be fetched."""
        self._metrics.record_failure("git")
        message = f"{failure} Continuing with the commits that are already here."
        self._news.report("fetch", str(failure), News(failure=message))

    def unfetched_receipts(self, commit: str, fault: str) -> None:
        """The receipts of other clones could not be fetched."""
        self._metrics.record_failure("receipt")
        message = f"the receipts of other clones could not be fetched: {fault}"
        self._news.report("receipts", fault, News(commit, failure=message))

    def notifications(self, commit: str, notifications: Iterable[ChangeNotification]) -> None:
        """The command of --on-change was run for these changes."""
        for notification in notifications:
            if (failure := notification.failure) is not None:
                self._metrics.record_failure("on_change")
                self._news.clear("command")
                self._news.report("command", failure, News(commit, failure=failure))

    def undelivered(self, faults: list[str]) -> None:
        """Messages to people that were not delivered."""
        if not faults:
            self._news.clear("notify")
            return
        self._metrics.record_failure("notify")
        self._news.report("notify", faults, News(failure=" ".join(faults)))

    def plan(self, commit: str, plan: Plan) -> None:
        """What is wrong with a plan as a whole. The models with invalid files keep the last valid
        state, and the others are reconciled."""
        if plan.errors:
            self._news.report("files", plan.errors, News(commit, invalid=plan.errors))
            self._metrics.record_failure("files")
        else:
            self._news.clear("files")

        if plan.notices:
            message = " ".join(plan.notices)
            self._news.report("notices", plan.notices, News(commit, failure=message))
        else:
            self._news.clear("notices")

        if plan.refusals:
            news = News(commit, refusals=plan.refusals)
            self._news.report("run", list(reasons(plan.refusals)), news)
        else:
            self._news.clear("run")

    def many_models(self, count: int) -> None:
        """Report once that single models have no series of their own."""
        from mlflow_gitops.edges.system.metrics.loop import MOST_MODELS

        if count <= MOST_MODELS:
            self._news.clear("series")
            return
        message = (
            f"{count} models are more than {MOST_MODELS}: /metrics counts their sync states and"
            " leaves out mlflow_gitops_model_sync."
        )
        self._news.report("series", "many", News(failure=message))

    def failure(self, failure: Failure) -> None:
        """The round failed."""
        self._metrics.record_failure(_failed_part(failure))
        self._metrics.forget_round()
        self._news.report("failure", str(failure), News(failure=str(failure)))

    def surprise(self, error: Exception, settings: Callable[[], Settings]) -> None:
        """The round ended with an exception that no one model is the cause of."""
        message = shortage(error)
        self._metrics.record_failure("internal" if message is None else "machine")
        self._metrics.forget_round()
        if message is None:
            print_traceback("round", error, settings())
            message = f"Unexpected {describe(error)}. Run this with -v and report what it prints."
        self._news.report("failure", message, News(failure=message))


def _failed_part(failure: Failure) -> str:
    """What failed, as the metrics call it."""
    if isinstance(failure, RegistryFailure):
        return "mlflow"
    return "files" if isinstance(failure, InvalidFiles) else "git"
