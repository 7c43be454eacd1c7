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
from mlflow_gitops.core.observed.prompts import difference
from mlflow_gitops.core.recorded.signatures import breaks, harmless
from mlflow_gitops.core.recorded.values import Dataset, Metric, ModelFile, Record


def compare(model: str, before: Facts, after: Facts) -> Comparison:
    """Compare two versions of one model. What a version does not say is None; nothing is guessed."""
    old, new = before.version.words, after.version.words
    if old is not None and new is not None:
        settings = tuple(_pairs(old.settings(), new.settings()))
        return Comparison(
            model, before, after, rewording=Rewording(tuple(difference(old, new)), settings)
        )
    one, two = before.record or Record(), after.record or Record()
    wrote, writes = before.file or ModelFile(), after.file or ModelFile()
    params = list(_pairs(one.params, two.params))
    libraries = list(_pairs(wrote.libraries, writes.libraries))
    return Comparison(
        model=model,
        before=before,
        after=after,
        metrics=tuple(_metrics(one.metrics, two.metrics)),
        params=_differing(params),
        datasets=tuple(_pairs(_digests(one.datasets), _digests(two.datasets))),
        data=tuple(_pairs(one.data, two.data)),
        signature=_signature(wrote, writes),
        libraries=_differing(libraries),
        same={
            "params": sum(1 for pair in params if pair.same),
            "libraries": sum(1 for pair in libraries if pair.same),
        },
    )


def meant(name: str, model: ObservedModel, aliases: Mapping[str, str] | None = None) -> int | None:
    """The version that a person means by `14`, `Production` or `champion`; None where there is
    none.

    An alias goes before a stage that is spelt like it but for case; of several holders of a stage
    it is the highest, which MLflow serves. `aliases` gives the alias of each stage of the team's
    own.
    """
    if name.isascii() and name.isdigit():
        number = int(name)
        return number if number in model.versions else None
    alias = (aliases or {}).get(name, name).removeprefix("@")
    if alias in model.aliases:
        return model.aliases[alias]
    folded = {known.casefold(): number for known, number in sorted(model.aliases.items())}
    stages = {stage.casefold(): stage for stage in (*ACTIVE_STAGES, "Archived")}
    if (stage := stages.get(name.casefold())) and (held := model.holders(stage)):
        return held[-1]
    return folded.get(alias.casefold())


def holds(model: ObservedModel, number: int) -> tuple[str, ...]:
    """The stage and the aliases (`@alias`) that a version holds in MLflow."""
    version = model.versions.get(number)
    stages = [version.stage] if version and version.stage != "None" else []
    return (
        *stages,
        *(f"@{alias}" for alias, held in sorted(model.aliases.items()) if held == number),
    )


def _pairs(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Pair]:
    for key in sorted(before.keys() | after.keys()):
        yield Pair(key, before.get(key), after.get(key))


def _differing(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple(pair for pair in pairs if not pair.same)


def _metrics(
    before: Mapping[str, tuple[Metric, ...]], after: Mapping[str, tuple[Metric, ...]]
) -> Iterator[MetricPair]:
    """Values on the same digest in one pair, whatever the dataset is called; all others each in a
    pair of its own."""
    for key in sorted(before.keys() | after.keys()):
        one, two = _by_digest(before.get(key, ())), _by_digest(after.get(key, ()))
        shared = one.keys() & two.keys()
        for digest in (*sorted(shared), *sorted(one.keys() - shared), *sorted(two.keys() - shared)):
            old, new = one.get(digest), two.get(digest)
            dataset = (new or old or Metric(0.0)).dataset
            yield MetricPair(key, dataset, old.value if old else None, new.value if new else None)


def _by_digest(values: Iterable[Metric]) -> dict[str, Metric]:
    return {one.dataset.digest if one.dataset else "": one for one in values}


def _digests(datasets: Iterable[Dataset]) -> dict[str, str]:
    named: dict[str, list[str]] = {}
    for one in sorted(set(datasets)):
        named.setdefault(one.name, []).append(one.digest)
    return {name: ", ".join(digests) for name, digests in named.items()}


def _signature(before: ModelFile, after: ModelFile) -> tuple[SignatureChange, ...] | None:
    old, new = before.signature, after.signature
    if old is None or new is None:
        return None
    broken = list(breaks(new, old))
    calm = [said for said in harmless(new, old) if said not in broken]
    return (
        *(SignatureChange(said, True) for said in broken),
        *(SignatureChange(said, False) for said in calm),
    )
