"""A gate as another package brings it: a metric may not differ too much between two groups of
people.

Its entry point stands in the `.dist-info` beside it, as installing the package would write it:

    [mlflow_gitops.gates]
    fairness = fairness_gate:fairness

and a policy asks it by that name: `require: {plugins: {fairness: {metric: recall, groups: [a, b],
max_gap: 0.05}}}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlflow_gitops.gates import Finding, Subject


def fairness(subject: Subject, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """The metric was logged once a group, as `<metric>_<group>`, and no two groups are further
    apart than `max_gap`."""
    record = subject.read(subject.version)
    values: dict[str, float] = {}
    for group in settings["groups"]:
        logged = record.metrics.get(f"{settings['metric']}_{group}", ()) if record else ()
        if not logged:
            yield Finding("failed", f"{settings['metric']}_{group} of {subject.number} is missing")
            return
        values[group] = logged[0].value
    gap = max(values.values()) - min(values.values())
    detail = f"{settings['metric']} differs by {gap:.3f} between groups"
    allowed = float(settings["max_gap"])
    yield (
        Finding("passed", f"{detail} ≤ {allowed:.3f}")
        if gap <= allowed
        else Finding("failed", f"{detail} > {allowed:.3f}")
    )


def broken(subject: Subject, settings: object) -> Finding:
    """What a gate must not be: it raises."""
    raise KeyError("group")


def silent(subject: Subject, settings: object) -> list[Finding]:
    """Nor this: it has no finding."""
    return []
