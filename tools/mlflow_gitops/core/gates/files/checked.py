"""`checked: {…}`: the version ran in an environment of its own, and that is recorded in MLflow.

The record is a run of one experiment. It counts if it is about exactly the files that the manifest
pins, and if the user whom the policy names wrote it. MLflow does not check which user a run names
(3.17): who may write to the experiment is what keeps others out of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow_gitops.core.gates.gate import Facts, Fault, Finding, Gate, failed, passed, required
from mlflow_gitops.core.gates.max_size import MaxSize
from mlflow_gitops.core.gates.metrics import Bound
from mlflow_gitops.core.recorded.check_records import CheckRecord
from mlflow_gitops.core.recorded.numbers import distinct, format_size, short
from mlflow_gitops.core.times import format_datetime, format_duration, parse_duration, parse_time
from mlflow_gitops.core.wording import shell_words

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject

EXPERIMENT = "mlflow-gitops/checks"
"""The experiment of the records, unless the policy names another."""

_SKEW = timedelta(minutes=15)
"""How far the clock of the machine that recorded a check may be ahead."""
_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class CheckedData(NamedTuple):
    """The dataset that versions are evaluated on: a CSV file of the repository with its SHA-256,
    the column with the labels, and what MLflow calls this kind of model."""

    path: str
    sha256: str
    target: str
    type: str


class Checked(NamedTuple):
    """What a record must say. Texts are as the policy writes them (`50ms`, `2GB`, `7d`)."""

    by: str | None
    experiment: str = EXPERIMENT
    load: str | None = None
    latency_p95: str | None = None
    memory: str | None = None
    within: str | None = None
    metrics: Mapping[str, Bound] = {}
    data: CheckedData | None = None


def seconds(text: str) -> float:
    """The seconds that a short length of time means: `50ms`, `1.5s`, `2m`."""
    match = _LENGTH.match(text)
    return float(match[1]) * _SECONDS[match[2]] if match else 0.0


def read(rule: Mapping[str, Any]) -> Checked | None:
    """What the rule asks of a record."""
    value = required(rule, "checked")
    if not value:
        return None
    settings = {key: value.get(key) for key in ("load", "latency_p95", "memory", "within")}
    metrics = {key: Bound(**bound) for key, bound in (value.get("metrics") or {}).items()}
    data = CheckedData(**value["data"]) if value.get("data") else None
    experiment = value.get("experiment") or EXPERIMENT
    return Checked(value.get("by"), experiment, **settings, metrics=metrics, data=data)


def find_faults(settings: Checked, stage: str, stages: Collection[str]) -> Iterator[Fault]:
    """A record is somebody's; metrics need data, and bounds that some value can meet."""
    path = ("require", "checked")
    if settings.by is None:
        message = f"checked of {stage} names nobody whose records count: by: USER"
        yield Fault(path, "missing-field", message)
    if settings.metrics and settings.data is None:
        message = f"checked of {stage} has metrics and no data that they are measured on"
        yield Fault(path, "missing-field", message)
    for key, bound in settings.metrics.items():
        if bound.min is None and bound.max is None:
            message = f"the metric {key} of {stage} has neither min nor max"
            yield Fault((*path, "metrics", key), "missing-field", message)
        elif bound.min is not None and bound.max is not None and bound.min > bound.max:
            message = f"no value of {key} is over {bound.min} and under {bound.max}"
            yield Fault((*path, "metrics", key), "bad-value", message)


def ask(subject: Subject, settings: Checked) -> Iterator[Finding]:
    """The newest record that counts is new enough, and each value of it within its bound."""
    number, pinned = subject.number, subject.pinned_digest
    if pinned is None:
        yield failed(
            f"the files of {number} are not pinned by a digest, which a check could be compared"
            f" with: mlflow-gitops pin {shell_words(subject.model, number)}"
        )
        return

    command = f"mlflow-gitops check {shell_words(subject.model, number)} --record"
    records = subject.check_records(settings.experiment, pinned)
    counting = [record for record in records if _counts(record, settings, pinned, subject.now)]
    if not counting:
        yield failed(_reason(number, records, settings, pinned, command))
        return

    newest = max(counting, key=lambda record: parse_time(record.at))
    yield from _judge(newest, settings, subject.now)


def _counts(record: CheckRecord, settings: Checked, digest: str, now: str) -> bool:
    is_future = parse_time(record.at) > parse_time(now) + _SKEW
    return record.digest == digest and record.user == settings.by and not is_future


def _reason(
    number: int,
    records: Iterable[CheckRecord],
    settings: Checked,
    digest: str,
    command: str,
) -> str:
    """Why no record counts."""
    of_files = [record for record in records if record.digest == digest]
    users = sorted({record.user for record in of_files if record.user != settings.by})
    if not of_files:
        return f"no check of the files of {number} is recorded in {settings.experiment}: {command}"
    if len(users) == len({record.user for record in of_files}):
        return f"the checks of {number} were recorded by {', '.join(users)}, not by {settings.by}"
    return f"the checks of {number} by {settings.by} are from the future"


def _judge(record: CheckRecord, settings: Checked, now: str) -> Iterator[Finding]:
    facts = {"run": record.run_id, "by": record.user, "at": record.at, "digest": record.digest}
    age = max(parse_time(now) - parse_time(record.at), timedelta())
    if settings.within and age > parse_duration(settings.within):
        yield failed(f"checked {format_duration(age)} ago > {settings.within}", facts)
        return
    if not record.has_passed:
        yield failed(f"its check failed: {record.fault or 'the record names no reason'}", facts)
        return

    moment = format_datetime(parse_time(record.at))
    yield passed(f"checked at {moment} by {record.user} (run {record.run_id})", facts)
    yield from judge_values(record, settings, facts)


def judge_values(record: CheckRecord, settings: Checked, facts: Facts) -> Iterator[Finding]:
    """One finding for each bound; `facts` are added to those of each."""
    for name, value, limit, texts in _amounts(record, settings):
        yield _at_most(name, value, limit, texts, facts)
    if settings.metrics:
        yield from _metrics(record, settings, facts)


def _amounts(
    record: CheckRecord, settings: Checked
) -> Iterator[tuple[str, float | None, float, tuple[str, str]]]:
    """Each value with its limit in one unit, and both as people read them."""
    if settings.load:
        value = record.load_seconds
        texts = f"{short(value)} s" if value is not None else "", settings.load
        yield "load", value, seconds(settings.load), texts
    if settings.latency_p95:
        value = record.latency_p95_ms
        texts = f"{short(value)} ms" if value is not None else "", settings.latency_p95
        yield "latency p95", value, seconds(settings.latency_p95) * 1000, texts
    if settings.memory:
        value = record.peak_memory_bytes
        texts = format_size(int(value)) if value is not None else "", settings.memory
        yield "memory", value, MaxSize(settings.memory).bytes, texts


def _at_most(
    name: str,
    value: float | None,
    limit: float,
    texts: tuple[str, str],
    facts: Facts,
) -> Finding:
    facts = {**facts, "value": value, "max": limit}
    if value is None:
        return failed(f"{name} was not measured", facts)
    if value <= limit:
        return passed(f"{name} {texts[0]} ≤ {texts[1]}", facts)
    return failed(f"{name} {texts[0]} > {texts[1]}", facts)


def _metrics(record: CheckRecord, settings: Checked, facts: Facts) -> Iterator[Finding]:
    if settings.data is None or record.data != settings.data.sha256:
        yield failed("its metrics were not measured on the policy's data", facts)
        return
    for key, bound in settings.metrics.items():
        # MLflow's evaluation calls it accuracy_score, people call it accuracy.
        value = record.metrics.get(key, record.metrics.get(f"{key}_score"))
        if value is None:
            yield failed(f"the metric {key} was not measured", facts)
            continue
        yield from _compare(key, value, bound, {**facts, "metric": key, "value": value})


def _compare(key: str, value: float, bound: Bound, facts: Facts) -> Iterator[Finding]:
    if bound.min is not None:
        actual, limit = distinct(value, bound.min)
        answer, relation = (passed, "≥") if value >= bound.min else (failed, "<")
        yield answer(f"{key} {actual} {relation} {limit}", {**facts, "min": bound.min})
    if bound.max is not None:
        actual, limit = distinct(value, bound.max)
        answer, relation = (passed, "≤") if value <= bound.max else (failed, ">")
        yield answer(f"{key} {actual} {relation} {limit}", {**facts, "max": bound.max})


GATE: Gate[Checked] = Gate("checked", ask, read, find_faults, judges_prompts=False)
