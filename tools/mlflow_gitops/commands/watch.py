"""`reconcile --watch`: the loop as a command."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.reconciling.news import News
from mlflow_gitops.app.reconciling.on_change import Notifier
from mlflow_gitops.app.reconciling.served_report import ServedReport
from mlflow_gitops.app.reconciling.wakeups import Wakeups
from mlflow_gitops.app.reconciling.watch import Watcher
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.health_rounds import HealthRounds
from mlflow_gitops.commands.model_globs import is_glob
from mlflow_gitops.commands.output import note, print_to_stderr, warn
from mlflow_gitops.commands.reconcile_options import pushes_receipts
from mlflow_gitops.commands.stop_signal import StopSignal
from mlflow_gitops.core.times import format_datetime, parse_duration
from mlflow_gitops.edges.mlflow.webhooks.endpoint import HookEndpoint
from mlflow_gitops.errors import OK, UsageFailure
from mlflow_gitops.render import problems
from mlflow_gitops.render.reconcile import ReconcileOutput, closing, outcome_lines, reconciled_data
from mlflow_gitops.render.terminal import Style, as_json, safe
from mlflow_gitops.settings import Settings

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry
    from mlflow_gitops.edges.system.metrics.loop import Metrics

_DURATION = re.compile(r"(?:[0-9]{1,5}[dhms]){1,4}")
_ADDRESS = re.compile(r"(?P<host>[^:\s]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")

_SHORTEST_SECRET = 16
_LONGEST = 366 * 86_400.0
"""Seconds. The longest time that the operating system can wait for lies somewhere above."""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The loop's options. `interval` is written as in the policy (`60s`, `5m`); `listen` is
    HOST:PORT, or `off`."""

    plan_options: PlanOptions
    interval: str = "60s"
    listen: str = "127.0.0.1:9469"
    push_receipts: bool | None = None
    jobs: int | None = None
    form: str = "text"
    new_host: bool = False
    on_change: str | None = None
    """The command that is run for each change."""
    has_pages: bool = True
    """Whether the report is served, too."""


def run(settings: Settings, models: Sequence[str], options: WatchOptions) -> int:
    """Reconcile until SIGTERM, which ends the loop with 0 between two models.

    Raises UsageFailure for wrong options, and Failure if the address cannot be listened on or the
    repository has no main branch. Nothing that happens later ends the loop.
    """
    if any(is_glob(name) for name in models):
        raise UsageFailure("--watch needs each model's name, not a glob.")
    interval = _seconds(options.interval)
    address, secret = _address(options.listen), _webhook_secret()
    workspace = Workspace(settings.git_alone)
    workspace.git.resolve(workspace.main_ref)
    from mlflow_gitops.edges.system.metrics.loop import Metrics

    stop = StopSignal()
    wakeups = Wakeups(stop.wake, time.monotonic)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    environment = workspace.environment.name if workspace.environment else None
    notifier = Notifier.of_option(options.on_change, environment, stop.is_set)
    metrics = Metrics(patience=max(3 * interval, 120.0))
    # Rounds report the branch as news, once.
    for_pages = replace(settings, warn=lambda text: None)
    silent = for_pages.git_alone
    publish = _publisher(settings, options.form)
    watcher = Watcher(
        lambda: Workspace(silent),
        lambda: _connect(Workspace(silent), options),
        metrics,
        publish,
        stop,
        interval=interval,
        plan_options=options.plan_options,
        models=models,
        push_receipts=pushes_receipts(workspace, options.push_receipts),
        jobs=options.jobs,
        notifier=notifier,
        wakeups=wakeups,
        health=HealthRounds(lambda: Workspace(silent), metrics, publish),
    )
    report = ServedReport(lambda: Workspace(for_pages), lambda: watcher.last_plan)
    hook = HookEndpoint(secret, wakeups.add, metrics.record_hook) if secret else None
    with _served(metrics, address, report if options.has_pages else None, hook) as url:
        note(settings, f"Watching, every {options.interval}.{url}")
        watcher.run()
    note(settings, "Stopped.")
    return OK


def _connect(workspace: Workspace, options: WatchOptions) -> Registry:
    from mlflow_gitops.app.connect import connect
    from mlflow_gitops.app.environments.hosts import check_reconciled

    if not options.new_host and workspace.environment is not None:
        check_reconciled(workspace, workspace.environment)
    return connect(workspace, warn, with_new_host=options.new_host)


@contextlib.contextmanager
def _served(
    metrics: Metrics,
    address: tuple[str, int] | None,
    report: ServedReport | None,
    hook: HookEndpoint | None,
) -> Iterator[str]:
    """Serve the metrics and the report meanwhile. Yields where, to be appended to a sentence."""
    if address is None:
        yield ""
        return

    from mlflow_gitops.edges.system.metrics.loop import serve

    server = serve(metrics, *address, report, hook)
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    try:
        yield f" http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()


def _webhook_secret() -> str | None:
    """The secret that MLflow signs its webhooks with; None if they are not taken."""
    secret = os.environ.get("MLFLOW_GITOPS_WEBHOOK_SECRET", "")
    if 0 < len(secret) < _SHORTEST_SECRET:
        raise UsageFailure(
            f"MLFLOW_GITOPS_WEBHOOK_SECRET has fewer than {_SHORTEST_SECRET} characters; make a"
            " longer one: openssl rand -hex 32"
        )
    return secret or None


def _seconds(duration: str) -> float:
    seconds = parse_duration(duration).total_seconds() if _DURATION.fullmatch(duration) else 0.0
    if not 1 <= seconds <= _LONGEST:
        raise UsageFailure(
            f"--interval {duration} is not a duration from 1s to 366d; write 60s, 5m or 1h."
        )
    return seconds


def _address(listen: str) -> tuple[str, int] | None:
    if listen == "off":
        return None
    match = _ADDRESS.fullmatch(listen)
    if match is None or int(match["port"]) > 65535:
        raise UsageFailure(f"--listen {listen} is not an address; write HOST:PORT, or off.")
    return match["host"].strip("[]"), int(match["port"])


def _publisher(settings: Settings, form: str) -> Callable[[News], None]:
    """A function that prints news. It goes on if that fails, since the disk that the log is on may
    be full; but a reader that has gone away ends the loop."""
    print_news = _PRINTERS.get(form, _print_text)

    def publish(news: News) -> None:
        try:
            print_news(news, settings.now())
        except BrokenPipeError:
            raise
        except OSError:
            return

    return publish


def _print_text(news: News, moment: datetime) -> None:
    """Each piece of news with its time: on stdout what was done, on stderr what prevents it."""
    at = format_datetime(moment)
    if news.failure:
        warn(f"{at} {news.failure}")
    if news.invalid:
        commit = (news.commit or "")[:7]
        warn(
            f"{at} commit {commit} has invalid files. Their models keep the last valid state; the"
            " others are reconciled:"
        )
        for line in problems.problem_lines(news.invalid):
            print_to_stderr(line)
    for refusal in news.refusals:
        warn(f"{at} the whole run is refused: {refusal.detail}. Way out: {refusal.way_out}")
    for outcome in news.outcomes:
        for line in outcome_lines(outcome, Style()):
            print(line)
    for name in news.cleared:
        print(f"{safe(name)}  nothing prevents it any more")
    for line in news.health:
        print(f"{at} {line}", flush=True)
    _print_run(news, at)


def _print_run(news: News, at: str) -> None:
    if news.run is None:
        return
    if news.run.recovered:
        names = safe(", ".join(news.run.recovered))
        print(f"Recovered the receipt of an earlier run for {names}.")
    for fault in news.run.unrecorded:
        warn(f"{at} {news.run.fault_text(fault, 'round')}")
    print(f"{at} {closing(news.commit or '', news.run.outcomes)}", flush=True)


def _print_json(news: News, moment: datetime) -> None:
    """One JSON object in one line."""
    content: dict[str, object] = {
        "at": format_datetime(moment),
        "commit": news.commit,
        "failure": news.failure,
    }
    if news.invalid:
        content["invalid"] = {"errors": [problems.problem_data(error) for error in news.invalid]}
    if news.health:
        content["health"] = list(news.health)
    if news.run is not None or news.refusals:
        receipt = news.run.receipt if news.run else None
        output = ReconcileOutput(news.commit or "", news.outcomes, receipt, news.refusals)
        content |= reconciled_data(output)
        content["trouble"] = list(news.run.unrecorded) if news.run else []
    print(as_json(content), flush=True)


_PRINTERS: Mapping[str, Callable[[News, datetime], None]] = {
    "text": _print_text,
    "json": _print_json,
}
