"""Gates on what the manifest and MLflow say of a version: its status, pin, tags and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlflow_gitops.core.gates.subject import Finding, Subject, failed, passed
from mlflow_gitops.core.manifests.gate_settings import Bound, NoWorse, Tolerance
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.observed.recorded import Metric, Record


def status(subject: Subject, wanted: str) -> Finding:
    """`status`: MLflow's own word on the version."""
    if (origin := subject.version.origin) is not None and wanted == "READY":
        return passed(
            f"{subject.number} will be a copy of {origin.label}, which is registered once it is"
            " whole"
        )
    if subject.number not in subject.seen.versions:
        return failed(
            f"{subject.number} is not in MLflow yet; register it in a commit before this one"
        )
    have = subject.version.status
    return passed(f"status {have}") if have == wanted else failed(f"status {have}, not {wanted}")


def pinned(subject: Subject) -> Finding:
    """`pinned`: the manifest says which run, source or logged model the version is; of a prompt,
    what it says."""
    spec = subject.spec
    if spec and (spec.run_id or spec.source or spec.model_id or spec.digest or spec.origin):
        return passed("pinned")
    return failed(
        f"{subject.number} is not pinned: mlflow-gitops pin {subject.model} {subject.number}"
    )


def tags(subject: Subject, wanted: Mapping[str, str]) -> Iterator[Finding]:
    """`tags`: the version carries these tags in MLflow."""
    for key, value in wanted.items():
        have = subject.tags().get(key)
        if have == value:
            yield passed(f"tag {key} is {value}")
        else:
            yield failed(
                f"tag {key} is {have!r}, not {value!r}"
                if have is not None
                else f"tag {key} is missing"
            )


def metrics(subject: Subject, bounds: Mapping[str, Bound]) -> Iterator[Finding]:
    """`metrics`: each value is within its bounds."""
    record = subject.read(subject.version)
    for key, bound in bounds.items():
        found = _one(subject.version, record, key, bound.dataset)
        if isinstance(found, str):
            yield failed(found)
            continue
        for limit, word, sign, against in (
            (bound.min, found.value, "≥", "<"),
            (bound.max, found.value, "≤", ">"),
        ):
            if limit is None:
                continue
            holds = word >= limit if sign == "≥" else word <= limit
            have, want = numbers(word, limit)
            # A value that is no number is neither above nor below.
            relation = sign if holds else against if word == word else "is not " + sign
            yield Finding("passed" if holds else "failed", f"{key} {have} {relation} {want}")


def no_worse_than(subject: Subject, asked: NoWorse) -> Iterator[Finding]:
    """`no_worse_than`: no metric is worse than that of the version which holds the stage, on the
    same data."""
    number = subject.holder(asked.stage)
    if number is None or number == subject.number:
        yield Finding("exempt", f"nobody to compare with: no other version holds {asked.stage}")
        return
    other = subject.seen.versions.get(number)
    if other is None:
        yield failed(f"{number}, which holds {asked.stage}, is not in MLflow to compare with")
        return
    mine, theirs = subject.read(subject.version), subject.read(other)
    for key, how in asked.metrics.items():
        yield from _no_worse(key, how, (subject.version, mine), (other, theirs))


def _no_worse(
    key: str,
    how: Tolerance,
    mine: tuple[ObservedVersion, Record | None],
    theirs: tuple[ObservedVersion, Record | None],
) -> Iterator[Finding]:
    if not how.same_data:
        one, two = (_one(*side, key, how.dataset) for side in (mine, theirs))
        if isinstance(one, str) or isinstance(two, str):
            yield failed(one if isinstance(one, str) else str(two))
        else:
            yield _compared(key, how, one, two, theirs[0].number)
        return
    ours, others = (_by_digest(*side, key, how.dataset) for side in (mine, theirs))
    if isinstance(ours, str) or isinstance(others, str):
        yield failed(ours if isinstance(ours, str) else str(others))
        return
    shared = sorted(ours.keys() & others.keys())
    if not shared:
        yield failed(
            f"{key} was measured on different data: {_named(ours)} for {mine[0].number}, "
            f"{_named(others)} for {theirs[0].number}"
        )
    for digest in shared:
        yield _compared(key, how, ours[digest], others[digest], theirs[0].number)


def _compared(key: str, how: Tolerance, one: Metric, two: Metric, number: int) -> Finding:
    gain = one.value - two.value if how.better == "higher" else two.value - one.value
    # What the numbers look like as decimals is what was meant: 0.93 - 0.94 is not to miss a
    # tolerance of 0.01.
    if round(gain + how.tolerance, 12) >= 0:
        return passed(f"{key} no worse than {number} ({_signed(one.value - two.value)})")
    allowed = f", tolerance {short(how.tolerance)}" if how.tolerance else ""
    have, other = numbers(one.value, two.value)
    return failed(
        f"{key} {have} is worse than {number}'s {other} ({_signed(one.value - two.value)}{allowed})"
    )


def _values(
    version: ObservedVersion, record: Record | None, key: str, dataset: str | None
) -> tuple[Metric, ...] | str:
    """The values of a metric, or why there is none."""
    if record is None:
        gone = (
            f"its run {version.run_id} is not in MLflow"
            if version.run_id
            else "it has neither run nor logged model"
        )
        return f"{key} of {version.number} is missing: {gone}"
    values = record.metrics.get(key)
    if not values:
        logged = ", ".join(sorted(record.metrics)[:8]) or "none"
        return f"{key} of {version.number} is missing: it logged {logged}"
    if dataset is not None:
        chosen = tuple(one for one in values if one.dataset and dataset in one.dataset)
        return (
            chosen
            or f"{key} of {version.number} was not measured on {dataset} but on {_datasets(values)}"
        )
    return values


def _one(
    version: ObservedVersion, record: Record | None, key: str, dataset: str | None
) -> Metric | str:
    values = _values(version, record, key, dataset)
    if isinstance(values, str):
        return values
    if len(values) > 1:
        return (
            f"{key} of {version.number} was measured on several datasets: {_datasets(values)}; name"
            " one: dataset"
        )
    return values[0]


def _by_digest(
    version: ObservedVersion, record: Record | None, key: str, dataset: str | None
) -> dict[str, Metric] | str:
    values = _values(version, record, key, dataset)
    if isinstance(values, str):
        return values
    known = {one.dataset.digest: one for one in values if one.dataset}
    return (
        known
        or f"{key} of {version.number} does not say on which data it was measured (or say same_data: false)"
    )


def _datasets(values: tuple[Metric, ...]) -> str:
    return ", ".join(
        f"{one.dataset.name} ({one.dataset.digest})" if one.dataset else "unnamed data"
        for one in values
    )


def _named(values: Mapping[str, Metric]) -> str:
    return _datasets(tuple(values.values()))


def short(value: float) -> str:
    """A number in at most six significant digits."""
    return f"{value:.6g}"


def _signed(difference: float) -> str:
    return f"{difference:+.4g}" if difference == difference else "not a number"


def numbers(value: float, other: float) -> tuple[str, str]:
    """Two numbers in as few digits as still tell which is larger: never `0.9 < 0.9`."""
    for digits in (4, 6, 9, 12):
        shown = f"{value:.{digits}g}", f"{other:.{digits}g}"
        if (float(shown[0]) < float(shown[1])) == (value < other) and (
            shown[0] != shown[1] or value == other
        ):
            return shown
    return repr(value), repr(other)
