"""What a stage asks of a version that comes to hold it: the policy's gates, as values (DESIGN §4,
RULES R3)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

GATES = (
    "from", "soak", "approvals", "status", "pinned", "tags", "metrics", "no_worse_than", "signature",
)  # fmt: skip
"""The built-in gates, in the order in which a plan shows them; those of plug-ins follow."""

Source = Literal["pull_request", "message"]
"""Where approvals are looked for: in GitHub's reviews, or in what commit messages claim."""

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


@dataclass(frozen=True, slots=True)
class Soak:
    """How long a version must have been in the stage below, and how the policy writes it."""

    text: str

    @property
    def length(self) -> timedelta:
        parts = re.findall("([0-9]+)([wdhms])", self.text)
        return sum(
            (timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta()
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """The values that one metric may have. `dataset` is a name or a digest; None means the only
    one."""

    min: float | None = None
    max: float | None = None
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How one metric is compared with another version's. `same_data` wants equal dataset digests."""

    tolerance: float = 0
    better: Literal["higher", "lower"] = "higher"
    same_data: bool = True
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class NoWorse:
    """The stage whose holder is compared with, and the metrics that are."""

    stage: str
    metrics: Mapping[str, Tolerance]


@dataclass(frozen=True, slots=True)
class Requirements:
    """One stage's gates. The defaults ask nothing."""

    climbs_from: tuple[str, ...] = ()
    soak: Soak | None = None
    approvals: int = 0
    approvals_from: Source = "pull_request"
    status: str | None = None
    pinned: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Bound] = field(default_factory=dict)
    no_worse_than: NoWorse | None = None
    signature: bool = False
    plugins: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self != Requirements()

    @property
    def gates(self) -> tuple[str, ...]:
        """The names of the gates that this stage has, in display order."""
        wanted = {
            "from": self.climbs_from, "soak": self.soak, "approvals": self.approvals, "status": self.status,
            "pinned": self.pinned, "tags": self.tags, "metrics": self.metrics, "no_worse_than": self.no_worse_than,
            "signature": self.signature,
        }  # fmt: skip
        return (*(gate for gate in GATES if wanted[gate]), *sorted(self.plugins))


def read_requirements(rule: Mapping[str, Any]) -> Requirements:
    """One stage's gates from its rule in the policy, which the schema has passed and from which
    nulls are gone."""
    require: Mapping[str, Any] = rule.get("require") or {}
    worse = require.get("no_worse_than")
    approvals = rule.get("approvals") or 0
    if isinstance(approvals, int):
        approvals = {"count": approvals}
    return Requirements(
        climbs_from=tuple(rule.get("from") or ()),
        soak=Soak(rule["soak"]) if rule.get("soak") else None,
        approvals=approvals.get("count", 1),
        approvals_from=approvals.get("from", "pull_request"),
        status=require.get("status"),
        pinned=bool(require.get("pinned")),
        tags=dict(require.get("tags") or {}),
        metrics={key: Bound(**bound) for key, bound in (require.get("metrics") or {}).items()},
        no_worse_than=(
            NoWorse(
                worse.get("stage", ""),
                {key: Tolerance(**how) for key, how in (worse.get("metrics") or {}).items()},
            )
            if worse
            else None
        ),
        signature=require.get("signature") == "compatible",
        plugins=dict(require.get("plugins") or {}),
    )


def requirement_faults(
    stage: str, asked: Requirements, stages: Collection[str]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """What is wrong with one stage's gates: (path below the stage's rule, code, message)."""
    for below in asked.climbs_from:
        if below not in stages:
            yield (
                ("from", below),
                "stage-unknown",
                f"{stage} wants a version from {below!r}, which the policy lacks",
            )
        elif below == stage:
            yield ("from", below), "bad-value", f"a version cannot come to {stage} from {stage}"
        elif (
            below == "Archived"
        ):  # no stamp says that a version was held there (RULES R3), so that it would never pass
            yield (
                ("from", below),
                "bad-value",
                f"{stage} cannot want a version from Archived: no reconcile holds one there",
            )
    if asked.soak and not asked.climbs_from:
        yield (
            ("soak",),
            "soak-needs-from",
            f"the soak of {stage} needs the stage to soak in: from: [Staging]",
        )
    for key, bound in asked.metrics.items():
        path = ("require", "metrics", key)
        if bound.min is None and bound.max is None:
            yield path, "missing-field", f"the metric {key} of {stage} has neither min nor max"
        elif bound.min is not None and bound.max is not None and bound.min > bound.max:
            yield path, "bad-value", f"no value of {key} is over {bound.min} and under {bound.max}"
    if (worse := asked.no_worse_than) is not None:
        there = ("require", "no_worse_than")
        if not worse.stage or not worse.metrics:
            yield there, "missing-field", f"no_worse_than of {stage} needs a stage and metrics"
        elif worse.stage not in stages:
            yield (
                (*there, "stage"),
                "stage-unknown",
                f"{stage} is compared with {worse.stage!r}, which the policy lacks",
            )
    for name in asked.plugins:
        if name in GATES:
            yield (
                ("require", "plugins", name),
                "bad-value",
                f"{name} is a gate of mlflow-gitops itself",
            )
