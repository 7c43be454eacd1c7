"""A comparison as sections of plain cells, which the text and the Markdown form lay out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from mlflow_gitops.core.comparison.values import Comparison, Facts, MetricPair, Pair, Rewording
from mlflow_gitops.core.recorded.numbers import distinct, format_size, short
from mlflow_gitops.core.recorded.values import Dataset
from mlflow_gitops.core.secrets import MASK, shown_source
from mlflow_gitops.core.wording import NO_VALUE, and_list, counted

MISSING = "not recorded"


@dataclass(frozen=True, slots=True)
class Row:
    """One property of both versions. `remark` says how the two differ."""

    label: str
    before: str
    after: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class SectionFinding:
    """One difference that is no pair of values. `breaks` is True if it breaks callers."""

    detail: str
    breaks: bool


@dataclass(frozen=True, slots=True)
class Section:
    """Rows and findings about one subject. `note` is shown beside the title. Each line of `diff`
    begins with `+`, `-` or a space."""

    title: str
    rows: tuple[Row, ...] = ()
    findings: tuple[SectionFinding, ...] = ()
    note: str = ""
    diff: tuple[str, ...] = ()


def table_sections(comparison: Comparison) -> Iterator[Section]:
    """Everything that a comparison holds, section by section, including what nobody recorded."""
    before, after = comparison.before, comparison.after
    if comparison.rewording is not None:
        yield from _prompt_sections(before, after, comparison.rewording)
        return

    yield Section("version", tuple(_version_rows(before, after)))
    yield _metrics(comparison)
    yield _differing("params", comparison.params, comparison)
    datasets = tuple(_pair_with_remark(pair) for pair in comparison.datasets)
    yield Section("datasets", datasets, note="" if datasets else MISSING)
    if comparison.data:
        yield Section("DVC data", tuple(_pair_with_remark(pair) for pair in comparison.data))
    yield signature_section(comparison)
    python = Row("Python", *(or_missing(version) for version in comparison.python))
    yield Section("model", (_size_row(comparison), python))
    yield _differing("libraries", comparison.libraries, comparison)

    unread = [
        SectionFinding(f"{side.number}: {reason}", False)
        for side in (before, after)
        for reason in unread_reasons(side)
    ]
    if unread:
        yield Section("not read", findings=tuple(unread))


def _version_rows(before: Facts, after: Facts) -> Iterator[Row]:
    def row(label: str, describe: Callable[[Facts], str]) -> Row:
        return Row(label, describe(before), describe(after))

    yield row("holds", _holds)
    yield row("status", lambda side: side.version.status or "not in MLflow yet")
    yield row("registered", lambda side: or_missing(side.version.created))
    yield row("run", _run)
    if before.version.model_id or after.version.model_id:
        yield row("logged model", lambda side: or_missing(side.version.model_id))
    yield row("source", lambda side: or_missing(_source(side)))

    code = row("code commit", _code_commit)
    yield replace(code, remark="same") if code.before == code.after != MISSING else code


def _prompt_sections(before: Facts, after: Facts, rewording: Rewording) -> Iterator[Section]:
    def row(label: str, describe: Callable[[Facts], str]) -> Row:
        return Row(label, describe(before), describe(after))

    rows = (
        row("holds", _holds),
        row("registered", lambda side: or_missing(side.version.created)),
        row("description", lambda side: side.version.description or NO_VALUE),
        row("digest", lambda side: or_missing(side.version.digest)),
    )
    yield Section("version", rows)
    yield Section("template", note=line_counts(rewording), diff=rewording.lines)
    yield Section("settings", tuple(_pair_with_remark(pair) for pair in rewording.settings))


def _source(side: Facts) -> str | None:
    return side.version.source and shown_source(side.version.source)


def _holds(side: Facts) -> str:
    return ", ".join(side.stages) or NO_VALUE


def _run(side: Facts) -> str:
    if side.version.run_id is None:
        return MISSING
    is_deleted = side.record is None and "record" not in side.unread
    return f"{side.version.run_id} (not in MLflow)" if is_deleted else side.version.run_id


def _code_commit(side: Facts) -> str:
    return or_missing(side.record.code_commit if side.record else None)


def line_counts(rewording: Rewording) -> str:
    """How many lines of a prompt's template are new and gone."""
    if not rewording.lines:
        return "same"
    return f"{counted(rewording.count('+'), 'new line')}, {rewording.count('-')} gone"


def _metrics(comparison: Comparison) -> Section:
    rows = tuple(_metric(pair, comparison) for pair in comparison.metrics)
    if not rows:
        return Section("metrics", note=MISSING)

    has_unnamed_data = any(
        pair.delta is not None and pair.dataset is None for pair in comparison.metrics
    )
    note = "without a dataset's name, the two values may come from different data"
    return Section("metrics", rows, note=note if has_unnamed_data else "")


def _metric(pair: MetricPair, comparison: Comparison) -> Row:
    if pair.is_secret:
        before, after = (NO_VALUE if value is None else MASK for value in (pair.before, pair.after))
        return Row(pair.key, before, after)
    difference = metric_change(pair.before, pair.after)
    data = f"on {dataset_name(pair.dataset)}" if pair.dataset else ""
    if pair.key in comparison.incomparable_metrics:
        data = f"{data or 'on unnamed data'}: not the same data, not comparable"
    remark = ", ".join(part for part in (difference, data) if part)
    return Row(pair.key, *metric_values(pair), remark)


def metric_values(pair: MetricPair) -> tuple[str, str]:
    """Both values in as few digits as still tell them apart."""
    if pair.before is not None and pair.after is not None:
        return distinct(pair.before, pair.after)
    before = NO_VALUE if pair.before is None else short(pair.before)
    after = NO_VALUE if pair.after is None else short(pair.after)
    return before, after


def metric_change(before: float | None, after: float | None) -> str:
    """A difference with its sign, or `same`. Empty if one of the values is missing."""
    if before is None or after is None:
        return ""
    difference = after - before
    if difference != difference:  # NaN: not a number, or infinity less infinity
        return "same" if before == after else "not a number"
    return f"{difference:+.4g}" if difference else "same"


def dataset_name(dataset: Dataset) -> str:
    """A dataset's name and digest."""
    return f"{dataset.name} ({dataset.digest})" if dataset.name else dataset.digest


def signature_section(comparison: Comparison) -> Section:
    """The differences of the two signatures; the note says whether they break callers."""
    if comparison.signature is None:
        sides = (comparison.before, comparison.after)
        without = [side.number for side in sides if not (side.file and side.file.signature)]
        return Section("signature", note=f"{MISSING} for {and_list(without)}")

    findings = tuple(
        SectionFinding(change.detail, change.breaks) for change in comparison.signature
    )
    if comparison.breaking:
        note = "breaks callers"
    else:
        note = "compatible" if findings else "same"
    return Section("signature", findings=findings, note=note)


def _size_row(comparison: Comparison) -> Row:
    before, after = comparison.size
    remark = ""
    if before and after is not None:
        remark = "same" if before == after else f"{(after - before) / before:+.1%}"
    return Row("size", size_or_missing(before), size_or_missing(after), remark)


def size_or_missing(size: int | None) -> str:
    """A size for people, or `not recorded`."""
    return MISSING if size is None else format_size(size)


def _differing(title: str, pairs: Iterable[Pair], comparison: Comparison) -> Section:
    """A section that lists only what differs and counts what is the same."""
    rows = tuple(_pair(pair) for pair in pairs)
    same_count = comparison.same_counts.get(title, 0)
    if rows:
        note = f"{len(rows)} differ, {same_count} the same"
    else:
        note = f"no difference ({same_count} compared)" if same_count else MISSING
    return Section(title, rows, note=note)


def _pair(pair: Pair) -> Row:
    before = NO_VALUE if pair.before is None else pair.before
    after = NO_VALUE if pair.after is None else pair.after
    return Row(pair.key, before, after)


def _pair_with_remark(pair: Pair) -> Row:
    row = _pair(pair)
    if pair.is_same:
        return replace(row, remark="same")
    is_on_both = pair.before is not None and pair.after is not None
    return replace(row, remark="differs") if is_on_both else row


def or_missing(value: str | None) -> str:
    """A value, or `not recorded`."""
    return value or MISSING


def unread_reasons(*sides: Facts) -> list[str]:
    """Why something could not be read, each reason once."""
    return list(dict.fromkeys(reason for side in sides for reason in side.unread.values()))
