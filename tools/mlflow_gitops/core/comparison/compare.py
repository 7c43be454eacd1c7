"""Put the facts of two versions side by side; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mlflow_gitops.core.comparison.values import (
    Comparison,
    Facts,
    MetricPair,
    Pair,
    Rewording,
    SignatureChange,
)
from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.observed.prompt_changes import changed_lines
from mlflow_gitops.core.recorded.signatures import breaks, harmless
from mlflow_gitops.core.recorded.values import Dataset, Metric, ModelFile, Record
from mlflow_gitops.core.secrets import is_secret_name, mask_pair


def compare(model: str, before: Facts, after: Facts) -> Comparison:
    """Compare two versions of one model. What a version does not record is None."""
    old_words, new_words = before.version.words, after.version.words
    if old_words is not None and new_words is not None:
        settings = tuple(map(_masked, _pairs(old_words.settings(), new_words.settings())))
        return Comparison(
            model,
            before,
            after,
            rewording=Rewording(tuple(changed_lines(old_words, new_words)), settings),
        )
    old_record, new_record = before.record or Record(), after.record or Record()
    old_file, new_file = before.file or ModelFile(), after.file or ModelFile()
    params = list(_pairs(old_record.params, new_record.params))
    libraries = list(_pairs(old_file.libraries, new_file.libraries))
    return Comparison(
        model=model,
        before=before,
        after=after,
        metrics=tuple(_metrics(old_record.metrics, new_record.metrics)),
        params=tuple(map(_masked, _differing(params))),
        datasets=tuple(_pairs(_digests(old_record.datasets), _digests(new_record.datasets))),
        data=tuple(_pairs(old_record.data, new_record.data)),
        signature=_signature(old_file, new_file),
        libraries=_differing(libraries),
        same_counts={
            "params": sum(1 for pair in params if pair.is_same),
            "libraries": sum(1 for pair in libraries if pair.is_same),
        },
    )


def find_version(
    name: str, model: ObservedModel, aliases: Mapping[str, str] | None = None
) -> int | None:
    """The version that a person means by `14`, `Production`, `champion` or `latest`; None if
    there is none.

    An alias comes before a stage of the same name in another case. If several versions hold a
    stage, it is the highest, which MLflow serves. `aliases` maps each custom stage to its alias.
    """
    if name.isascii() and name.isdigit():
        number = int(name)
        return number if number in model.versions else None

    alias = (aliases or {}).get(name, name).removeprefix("@")
    if alias == "latest":  # MLflow reserves it for the newest version
        return max(model.versions, default=None)
    if alias in model.aliases:
        return model.aliases[alias]

    stages = {stage.casefold(): stage for stage in (*ACTIVE_STAGES, "Archived")}
    stage = stages.get(name.casefold())
    holders = model.holders(stage) if stage else ()
    if holders:
        return holders[-1]
    in_any_case = {other.casefold(): number for other, number in sorted(model.aliases.items())}
    return in_any_case.get(alias.casefold())


def stages_and_aliases(model: ObservedModel, number: int) -> tuple[str, ...]:
    """The stage and the aliases (`@alias`) that a version holds in MLflow."""
    version = model.versions.get(number)
    stages = [version.stage] if version and version.stage != "None" else []
    return (
        *stages,
        *(f"@{alias}" for alias, holder in sorted(model.aliases.items()) if holder == number),
    )


def _pairs(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Pair]:
    for key in sorted(before.keys() | after.keys()):
        yield Pair(key, before.get(key), after.get(key))


def _differing(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple(pair for pair in pairs if not pair.is_same)


def _masked(pair: Pair) -> Pair:
    """The pair without its values if its name looks like that of a secret."""
    if not is_secret_name(pair.key):
        return pair
    return Pair(pair.key, *mask_pair(pair.before, pair.after))


def _metrics(
    before: Mapping[str, tuple[Metric, ...]], after: Mapping[str, tuple[Metric, ...]]
) -> Iterator[MetricPair]:
    """Values on the same digest in one pair, under any dataset name; all others in a pair each."""
    for key in sorted(before.keys() | after.keys()):
        old, new = _by_digest(before.get(key, ())), _by_digest(after.get(key, ()))
        shared = sorted(old.keys() & new.keys())
        only_old, only_new = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
        for digest in (*shared, *only_old, *only_new):
            yield _metric_pair(key, old.get(digest), new.get(digest))


def _metric_pair(key: str, old: Metric | None, new: Metric | None) -> MetricPair:
    metric = new or old
    dataset = metric.dataset if metric else None
    return MetricPair(key, dataset, old.value if old else None, new.value if new else None)


def _by_digest(values: Iterable[Metric]) -> dict[str, Metric]:
    return {metric.dataset.digest if metric.dataset else "": metric for metric in values}


def _digests(datasets: Iterable[Dataset]) -> dict[str, str]:
    by_name: dict[str, list[str]] = {}
    for dataset in sorted(set(datasets)):
        by_name.setdefault(dataset.name, []).append(dataset.digest)
    return {name: ", ".join(digests) for name, digests in by_name.items()}


def _signature(before: ModelFile, after: ModelFile) -> tuple[SignatureChange, ...] | None:
    old, new = before.signature, after.signature
    if old is None or new is None:
        return None
    breaking = list(breaks(new, old))
    remaining = [detail for detail in harmless(new, old) if detail not in breaking]
    return (
        *(SignatureChange(detail, True) for detail in breaking),
        *(SignatureChange(detail, False) for detail in remaining),
    )
