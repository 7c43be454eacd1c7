"""What a watching reconciler reports is reported once, and again only after it has changed."""

from __future__ import annotations

from mlflow_gitops.app.reconciling.news import News, NewsDesk
from mlflow_gitops.app.reconciling.reconcile import RunResult
from mlflow_gitops.core.plan.outcome import Outcome


def run(*outcomes: Outcome, recovered: str = "", fault: str = "") -> RunResult:
    return RunResult(outcomes, None, (recovered,) if recovered else (), (fault,) if fault else ())


def test_a_state_is_reported_when_it_changes() -> None:
    published: list[News] = []
    desk = NewsDesk(published.append)
    for message in ("down", "down", "slow", "down"):
        desk.report("server", message, News(failure=message))
    assert [news.failure for news in published] == ["down", "slow", "down"]
    desk.clear("server")
    desk.report("server", "down", News(failure="down"))
    assert len(published) == 4


def test_a_failure_is_reported_once_and_so_is_its_end() -> None:
    published: list[News] = []
    desk = NewsDesk(published.append)
    ill = Outcome("m", "failed", error="it broke")
    for result in (
        run(ill),
        run(ill),
        run(Outcome("m", "unchanged")),
        run(Outcome("m", "unchanged")),
    ):
        desk.report_run("sha", result)
    assert [news.outcomes for news in published] == [(ill,), ()]
    assert [news.cleared for news in published] == [(), ("m",)]


def test_what_was_applied_or_recovered_is_always_news() -> None:
    published: list[News] = []
    desk = NewsDesk(published.append)
    desk.report_run("sha", run(Outcome("m", "unchanged")))
    assert published == []
    for _ in range(2):
        desk.report_run("sha", run(Outcome("m", "applied")))
    desk.report_run("sha", run(recovered="m"))
    assert len(published) == 3


def test_a_receipt_that_cannot_be_kept_is_reported_once() -> None:
    published: list[News] = []
    desk = NewsDesk(published.append)
    for fault in ("no space", "no space", "", "no space"):
        desk.report_run("sha", run(fault=fault))
    assert [news.run.unrecorded for news in published if news.run] == [("no space",)] * 2
