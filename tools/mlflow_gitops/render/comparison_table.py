"""A comparison as a sheet of plain cells, which the text and the Markdown form lay out each in its
own way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from mlflow_gitops.core.comparison.values import Comparison, Facts, MetricPair, Pair, Rewording
from mlflow_gitops.core.recorded.numbers import distinct, short
from mlflow_gitops.core.recorded.values import Dataset
from mlflow_gitops.core.wording import and_list, counted, first_few

T = TypeVar("T")

MISSING = "not recorded"
NONE = "—"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of both versions. `remark` says what became of it."""

    label: str
    before: str
    after: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A finding that is no pair of values."""

    detail: str
    breaks: bool


@dataclass(frozen=True, slots=True)
class Section:
    """What belongs together; `note` stands beside the title. `diff` are lines after `+`, `-` or a
    space."""

    title: str
    rows: tuple[Row, ...] = ()
    lines: tuple[Line, ...] = ()
    note: str = ""
    diff: tuple[str, ...] = ()


def sheet(found: Comparison) -> Iterator[Section]:
    """Everything that a comparison holds, section by section; what nobody recorded is said, too."""
    one, two = found.before, found.after
    if found.rewording is not None:
        yield from _prompt(one, two, found.rewording)
        return
    yield Section("version", tuple(_about(one, two)))
    metrics = tuple(_metric(pair, found) for pair in found.metrics)
    unknown = any(pair.delta is not None and pair.dataset is None for pair in found.metrics)
    note = "where no dataset is named, MLflow does not say that it was the same" if unknown else ""
    yield Section("metrics", metrics, note=note if metrics else MISSING)
    yield Section(
        "params", tuple(map(_pair, found.params)), note=_counted(found, "params", len(found.params))
    )
    yield Section(
        "datasets", tuple(map(_kept, found.datasets)), note="" if found.datasets else MISSING
    )
    if found.data:
        yield Section("DVC data", tuple(map(_kept, found.data)))
    yield _signature(found)
    yield Section("model", (_size(found), _both("Python", *found.python, _said)))
    yield Section(
        "libraries",
        tuple(map(_pair, found.libraries)),
        note=_counted(found, "libraries", len(found.libraries)),
    )
    unread = [
        Line(f"{side.number}: {reason}", False) for side in (one, two) for reason in _reasons(side)
    ]
    if unread:
        yield Section("not read", lines=tuple(unread))


def _about(one: Facts, two: Facts) -> Iterator[Row]:
    yield _both("holds", one, two, lambda side: ", ".join(side.stages) or NONE)
    yield _both("status", one, two, lambda side: side.version.status or "not in MLflow yet")
    yield _both("registered", one, two, lambda side: _said(side.version.created))
    yield _both("run", one, two, _run)
    if one.version.model_id or two.version.model_id:
        yield _both("logged model", one, two, lambda side: _said(side.version.model_id))
    yield _both("source", one, two, lambda side: _said(side.version.source))
    row = _both(
        "code commit",
        one,
        two,
        lambda side: _said(side.record.code_commit if side.record else None),
    )
    yield replace(row, remark="same") if row.before == row.after != MISSING else row


def _prompt(one: Facts, two: Facts, words: Rewording) -> Iterator[Section]:
    about = (
        _both("holds", one, two, lambda side: ", ".join(side.stages) or NONE),
        _both("registered", one, two, lambda side: _said(side.version.created)),
        _both("said to be", one, two, lambda side: side.version.description or NONE),
        _both("digest", one, two, lambda side: _said(side.version.digest)),
    )
    yield Section("version", about)
    yield Section("template", note=_reworded(words), diff=words.lines)
    yield Section("settings", tuple(map(_kept, words.settings)))


def _reworded(words: Rewording) -> str:
    if not words.lines:
        return "same"
    new = words.count("+")
    return f"{counted(new, 'new line')}, {words.count('-')} gone"


def _both(label: str, one: T, two: T, say: Callable[[T], str], remark: str = "") -> Row:
    return Row(label, say(one), say(two), remark)


def _run(side: Facts) -> str:
    if side.version.run_id is None:
        return MISSING
    gone = side.record is None and "record" not in side.unread
    return f"{side.version.run_id} (not in MLflow)" if gone else side.version.run_id


def _metric(pair: MetricPair, found: Comparison) -> Row:
    before, after = values(pair)
    remark = change(pair.before, pair.after)
    where = f"on {dataset(pair.dataset)}" if pair.dataset else ""
    if pair.key in found.apart:
        where = f"{where or 'on unnamed data'}: not the same data, not comparable"
    return Row(pair.key, before, after, ", ".join(part for part in (remark, where) if part))


def values(pair: MetricPair) -> tuple[str, str]:
    """Both values in as few digits as still tell them apart."""
    if pair.before is not None and pair.after is not None:
        return distinct(pair.before, pair.after)
    one, two = (NONE if value is None else short(value) for value in (pair.before, pair.after))
    return one, two


def change(before: float | None, after: float | None) -> str:
    """A difference with its sign; `same` for none, nothing where there is nothing to subtract."""
    if before is None or after is None:
        return ""
    difference = after - before
    if difference != difference:
        return "same" if before == after else "not a number"
    return f"{difference:+.4g}" if difference else "same"


def dataset(one: Dataset) -> str:
    """A dataset's name and digest."""
    return f"{one.name} ({one.digest})" if one.name else one.digest


def _signature(found: Comparison) -> Section:
    if found.signature is None:
        lacking = [
            side.number
            for side in (found.before, found.after)
            if not (side.file and side.file.signature)
        ]
        return Section("signature", note=f"{MISSING} for {and_list(lacking)}")
    lines = tuple(Line(change.detail, change.breaks) for change in found.signature)
    note = "breaks callers" if found.breaking else "compatible" if lines else "same"
    return Section("signature", lines=lines, note=note)


def _size(found: Comparison) -> Row:
    before, after = found.size
    remark = ""
    if before and after is not None:
        remark = "same" if before == after else f"{(after - before) / before:+.1%}"
    return _both("size", before, after, _size_said, remark)


def _size_said(value: int | None) -> str:
    return MISSING if value is None else size(value)


def size(value: int) -> str:
    """Bytes as a person says them: `512 B`, `1.2 kB`, `34.5 MB`."""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.95:
            return f"{value} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _pair(pair: Pair) -> Row:
    return _both(pair.key, pair.before, pair.after, _or_none)


def _kept(pair: Pair) -> Row:
    remark = "same" if pair.same else "differs" if None not in (pair.before, pair.after) else ""
    return _both(pair.key, pair.before, pair.after, _or_none, remark)


def _or_none(value: str | None) -> str:
    return NONE if value is None else value


def _counted(found: Comparison, what: str, differing: int) -> str:
    same = found.same.get(what, 0)
    if not differing and not same:
        return MISSING
    return f"{differing} differ, {same} the same" if differing else f"all {same} the same"


def _said(value: str | None) -> str:
    return value or MISSING


def brief(found: Comparison, most: int = 4) -> list[str]:
    """What matters of a comparison, in a few words each: metrics that changed, signature, data,
    size, how much else."""
    if (words := found.rewording) is not None:
        other = [pair.key for pair in words.settings if not pair.same]
        return [
            f"template: {_reworded(words)}",
            *([f"other {', '.join(other[:most])}"] if other else []),
        ]
    moved = [pair for pair in found.metrics if change(pair.before, pair.after) not in ("", "same")]
    said = [
        f"{p.key} {' → '.join(values(p))} ({change(p.before, p.after)})" + _on(p, moved)
        for p in moved[:most]
    ]
    if len(moved) > most:
        said.append(f"{len(moved) - most} more metrics")
    said += [f"{key} on other data, not comparable" for key in found.apart[:most]]
    if found.breaking:
        said.append(f"signature breaks: {first_few(found.breaking, 1)}")
    else:
        said.append(f"signature {_signature(found).note}")
    if any(not pair.same for pair in (*found.datasets, *found.data)):
        said.append("other data")
    if (sizes := found.size)[0] != sizes[1]:
        said.append("size " + " → ".join(map(_size_said, sizes)))
    if found.python[0] != found.python[1]:
        said.append("Python " + " → ".join(map(_said, found.python)))
    for noun, count in (("param", len(found.params)), ("library", len(found.libraries))):
        if count:
            said.append(f"{counted(count, noun)} {'differs' if count == 1 else 'differ'}")
    said += [f"not read: {reason}" for reason in _reasons(found.before, found.after)]
    return said


def _on(pair: MetricPair, moved: Iterable[MetricPair]) -> str:
    several = sum(1 for other in moved if other.key == pair.key) > 1
    return f" on {pair.dataset.name or pair.dataset.digest}" if several and pair.dataset else ""


def _reasons(*sides: Facts) -> list[str]:
    """Why something could not be read, each reason once."""
    return list(dict.fromkeys(reason for side in sides for reason in side.unread.values()))
