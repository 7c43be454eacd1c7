"""A comparison in a few words, as it is shown under a stage of a plan."""

from __future__ import annotations

from collections.abc import Iterable

from mlflow_gitops.core.comparison.values import Comparison, MetricPair, Rewording
from mlflow_gitops.core.wording import counted, first_few
from mlflow_gitops.render.comparison.table import (
    line_counts,
    metric_change,
    metric_values,
    or_missing,
    signature_section,
    size_or_missing,
    unread_reasons,
)


def brief(comparison: Comparison, limit: int = 4) -> list[str]:
    """The important differences in a few words each: metrics that changed, signature, data, size,
    and how much else differs. At most `limit` metrics are listed."""
    if comparison.rewording is not None:
        return _brief_prompt(comparison.rewording, limit)

    parts = _brief_metrics(comparison, limit)
    if comparison.breaking:
        parts.append(f"signature breaks: {first_few(comparison.breaking, 1)}")
    else:
        parts.append(f"signature {signature_section(comparison).note}")
    if any(not pair.is_same for pair in (*comparison.datasets, *comparison.data)):
        parts.append("other data")
    if comparison.size[0] != comparison.size[1]:
        parts.append("size " + " → ".join(map(size_or_missing, comparison.size)))
    if comparison.python[0] != comparison.python[1]:
        parts.append("Python " + " → ".join(map(or_missing, comparison.python)))

    for noun, pairs in (("param", comparison.params), ("library", comparison.libraries)):
        if pairs:
            verb = "differs" if len(pairs) == 1 else "differ"
            parts.append(f"{counted(len(pairs), noun)} {verb}")
    unread = unread_reasons(comparison.before, comparison.after)
    return parts + [f"not read: {reason}" for reason in unread]


def _brief_prompt(rewording: Rewording, limit: int) -> list[str]:
    parts = [f"template: {line_counts(rewording)}"]
    settings = [pair.key for pair in rewording.settings if not pair.is_same]
    if settings:
        parts.append(f"other {', '.join(settings[:limit])}")
    return parts


def _brief_metrics(comparison: Comparison, limit: int) -> list[str]:
    changed = [
        pair
        for pair in comparison.metrics
        if not pair.is_secret and metric_change(pair.before, pair.after) not in ("", "same")
    ]
    parts = [
        f"{pair.key} {' → '.join(metric_values(pair))}"
        f" ({metric_change(pair.before, pair.after)}){_on_dataset(pair, changed)}"
        for pair in changed[:limit]
    ]
    if len(changed) > limit:
        parts.append(counted(len(changed) - limit, "more metric"))
    return parts + [
        f"{key} on other data, not comparable" for key in comparison.incomparable_metrics[:limit]
    ]


def _on_dataset(pair: MetricPair, changed: Iterable[MetricPair]) -> str:
    """Names the dataset if the metric is listed for several of them."""
    count = sum(1 for listed_pair in changed if listed_pair.key == pair.key)
    return f" on {pair.dataset.name or pair.dataset.digest}" if count > 1 and pair.dataset else ""
