"""`reconcile --watch`: the loop as a command."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlflow_gitops.app.planning.options import PlanOptions
from mlflow_gitops.app.reconciling.watch import News, Watcher
from mlflow_gitops.app.workspace import Workspace, now_utc
from mlflow_gitops.commands.output import note, print_to_stderr, warn
from mlflow_gitops.core.times import parse_duration
from mlflow_gitops.errors import OK, UsageFailure
from mlflow_gitops.render import problems
from mlflow_gitops.render.reconcile import ReconcileOutput, closing, outcome_lines, reconciled_data
from mlflow_gitops.render.terminal import Style, as_json, safe
from mlflow_gitops.settings import Settings

_LENGTH = re.compile(r"(?:[0-9]{1,5}[dhms]){1,4}")
_ADDRESS = re.compile(r"(?P<host>[^:\s]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")


_LONGEST = 366 * 86_400.0  # seconds; what the operating system can wait for ends somewhere above


class StopSignal:
    """Whether a signal asked the loop to stop. Unlike `threading.Event.set`, `set` waits for no
    lock: a signal handler interrupts the thread that may hold it, if two signals come close
    together or one comes just as a wait begins."""

    def __init__(self) -> None:
        self._is_set = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def set(self) -> None:
        self._is_set = True
        with contextlib.suppress(RuntimeError):  # it was released before
            self._gate.release()

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, seconds: float) -> None:
        """Wait for that many seconds, or until `set` is called."""
        if not self._is_set:
            self._gate.acquire(timeout=seconds)


@dataclass(frozen=True, slots=True)
class Options:
    """The loop's options. `interval` is written as in the policy (`60s`, `5m`); `listen` is
    HOST:PORT, or `off`."""

    plan_options: PlanOptions
    interval: str = "60s"
    listen: str = "127.0.0.1:9469"
    push_receipts: bool = False
    jobs: int | None = None
    form: str = "text"


def run(settings: Settings, models: Sequence[str], options: Options) -> int:
    """Reconcile until SIGTERM, which ends it with 0 between two models. Raises UsageFailure, and
    Failure where the address cannot be listened on; nothing that happens later ends it."""
    interval = _seconds(options.interval)
    address = _address(options.listen)
    Workspace(settings).git.resolve(
        Workspace(settings).main_ref
    )  # a wrong --repo or --main is told at once
    from mlflow_gitops.app.connect import connect
    from mlflow_gitops.edges.system.metrics import Metrics, serve

    stop = StopSignal()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    metrics = Metrics(patience=max(3 * interval, 120.0))
    server = serve(metrics, *address) if address else None
    where = (
        f" http://{options.listen.rpartition(':')[0]}:{server.server_port}/metrics"
        if server
        else ""
    )
    note(settings, f"Watching, every {options.interval}.{where}")
    watcher = Watcher(
        lambda: Workspace(settings),
        lambda: connect(Workspace(settings), warn),
        metrics,
        _kept_on(_PRINTERS.get(options.form, _text)),
        stop,
        interval=interval,
        plan_options=options.plan_options,
        models=models,
        push_receipts=options.push_receipts,
        jobs=options.jobs,
    )
    try:
        watcher.run()
    finally:
        if server is not None:
            server.shutdown()
            server.server_close()
    note(settings, "Stopped.")
    return OK


def _seconds(length: str) -> float:
    seconds = parse_duration(length).total_seconds() if _LENGTH.fullmatch(length) else 0.0
    if not 1 <= seconds <= _LONGEST:
        raise UsageFailure(
            f"--interval {length} is no length of time from 1s to 366d; write 60s, 5m or 1h."
        )
    return seconds


def _address(listen: str) -> tuple[str, int] | None:
    if listen == "off":
        return None
    found = _ADDRESS.fullmatch(listen)
    if found is None or int(found["port"]) > 65535:
        raise UsageFailure(f"--listen {listen} is no address; write HOST:PORT, or off.")
    return found["host"].strip("[]"), int(found["port"])


def _kept_on(tell: Callable[[News], None]) -> Callable[[News], None]:
    """Tell, and go on where that fails: the disk may be full that the log goes to. A reader that
    has gone ends it."""

    def told(news: News) -> None:
        try:
            tell(news)
        except BrokenPipeError:
            raise
        except OSError:
            return

    return told


def _text(news: News) -> None:
    """Each piece of news with its time, on stdout what was done, on stderr what stands in the way."""
    at, style = now_utc(), Style()
    if news.failure:
        warn(f"{at} {news.failure}")
    if news.invalid is not None:
        warn(
            f"{at} commit {(news.commit or '')[:7]} has invalid files; nothing of it is reconciled:"
        )
        for line in problems.errors(news.invalid):
            print_to_stderr(line)
    for refusal in news.refusals:
        warn(f"{at} the whole run is refused: {refusal.detail}. Way out: {refusal.way_out}")
    for outcome in news.outcomes:
        for line in outcome_lines(outcome, style):
            print(line)
    for name in news.passed:
        print(f"{safe(name)}  nothing stands in its way any more")
    if news.done is not None:
        if news.done.recovered:
            print(
                "Recovered the receipt of an earlier run for"
                f" {safe(', '.join(news.done.recovered))}."
            )
        for fault in news.done.trouble:
            warn(f"{at} applied, not recorded: {fault} The next round recovers it.")
        print(f"{at} {closing(news.commit or '', news.done.outcomes)}", flush=True)


def _json(news: News) -> None:
    """One JSON object a line."""
    told: dict[str, object] = {"at": now_utc(), "commit": news.commit, "failure": news.failure}
    if news.invalid is not None:
        told["invalid"] = problems.snapshot_data(news.invalid)
    if news.done is not None or news.refusals:
        done = news.done
        receipt = done.receipt if done else None
        told |= reconciled_data(
            ReconcileOutput(news.commit or "", news.outcomes, receipt, news.refusals)
        )
        told["trouble"] = done.trouble if done else []
    print(as_json(told), flush=True)


_PRINTERS: Mapping[str, Callable[[News], None]] = {"text": _text, "json": _json}
