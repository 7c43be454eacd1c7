"""One model in the report: what holds its stages now, how that compares with git, and its
timeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mlflow_gitops.core.audit.events import Stages
from mlflow_gitops.core.audit.report.lanes import Span
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.audit.trail import Effect
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.times import age, format_minute
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.audit.departures import departure_paragraph
from mlflow_gitops.render.audit.timeline import Timeline
from mlflow_gitops.render.report.rows import name_of
from mlflow_gitops.render.report.values import Report

_NARROWEST_BAR = 0.4
"""Per cent of the timeline's width."""
_COLOURS = 6
"""The stylesheet has the classes t0 to t5 for the bars of versions."""


@dataclass(slots=True)
class Positions:
    """The positions of one page's bars as classes of its stylesheet, since the page allows no
    `style` attributes."""

    classes: dict[str, str] = field(default_factory=dict)

    def class_of(self, start: float, width: float) -> str:
        rule = f"left:{start:g}%;width:{width:g}%"
        return self.classes.setdefault(rule, f"p{len(self.classes)}")

    def rules(self) -> Iterator[str]:
        for rule, name in self.classes.items():
            yield f".{name}{{{rule}}}"


class Cards:
    """The cards of a report's models. All timelines have one axis."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.timeline = Timeline.of(report.lanes, report.at)
        self._plans = report.plans()
        self._holders = {holders.model: holders for holders in report.holders}

    def card(self, name: str, positions: Positions) -> dict[str, Any]:
        report, plan, holders = self._report, self._plans.get(name), self._holders.get(name)
        lanes = report.lanes.get(name, ())
        rows = [
            self._stage(name, stage, holders, self._observed(name).get(stage, ()))
            for stage in self.stages(name)
        ]
        refusals = plan.refusals if plan else ()
        remaining = report.remaining.get(name, {}) if report.plan else None
        return {
            "name": name,
            "id": f"m-{name.encode('utf-8', 'surrogatepass').hex()}",
            "sync": self.sync(name),
            "departure": departure_paragraph(report.departures.get(name), remaining),
            "refusals": [f"{refusal.code}: {refusal.detail}" for refusal in refusals],
            "waiting": waiting_texts(plan) if plan else [],
            "stages": [row for row in rows if row is not None],
            "lanes": [
                {
                    "stage": lane.stage,
                    "bars": [self._bar(span, positions) for span in lane.spans],
                }
                for lane in lanes
            ],
        }

    def sync(self, name: str) -> str | None:
        """How MLflow compares with git; None if it was not read."""
        plan = self._plans.get(name)
        if plan:
            return plan.sync
        return "manifest deleted" if name not in self._holders else None

    def stages(self, name: str) -> list[str]:
        """Every stage that the model has now or had once."""
        lanes = self._report.lanes.get(name, ())
        declared = self.declared(name)
        return list(
            dict.fromkeys([*(lane.stage for lane in lanes), *declared, *self._observed(name)])
        )

    def declared(self, name: str) -> Stages:
        """What holds the model's stages now, by git."""
        return self._holders[name].stages if name in self._holders else {}

    def _observed(self, name: str) -> Stages:
        plan = self._plans.get(name)
        return plan.observed if plan else self._report.remaining.get(name, {})

    def _stage(
        self, model: str, stage: str, holders: StageHolders | None, observed: tuple[int, ...]
    ) -> dict[str, Any] | None:
        """One stage as it is now; None if nothing holds it in git and in MLflow."""
        report = self._report
        declared = holders.stages.get(stage, ()) if holders else ()
        if stage == "Archived":  # a version that MLflow archived without a manifest: no difference
            observed = tuple(version for version in observed if version in declared)
        if not (declared or observed):
            return None

        made_from = [report.made_from.get((model, version)) for version in declared]
        is_alias = stage.startswith("@")
        return {
            "name": stage,
            "git": version_list(declared),
            "mlflow": version_list(observed) if report.plan and not is_alias else None,
            "same": observed == declared,
            "since": holders.since.get(stage) if holders else None,
            "made_from": [text for text in made_from if text],
            "bills": [(v, report.bills[model, v]) for v in declared if (model, v) in report.bills],
        }

    def _bar(self, span: Span, positions: Positions) -> dict[str, Any]:
        """One bar of a timeline: versions that held a stage without a break."""
        report, timeline = self._report, self.timeline
        start, end = timeline.position(span.start), timeline.position(span.end or report.at)
        author = name_of(report.events[span.event_index].people.author)
        until = f"to {format_minute(span.end)}" if span.end else "until now"
        length = age(span.start, span.end or report.at)
        title = f"{version_list(span.versions)} from {format_minute(span.start)} {until} ({length})"
        width = round(max(end - start, _NARROWEST_BAR), 2)
        return {
            "versions": version_list(span.versions),
            "position": positions.class_of(round(start, 2), width),
            "event": span.event_index,
            "tone": min(span.versions) % _COLOURS,
            "applied": span.effect is not None and span.effect.result != "superseded",
            "title": f"{title}, {_effect(span.effect)}, by {author}",
        }


def waiting_texts(plan: ModelPlan) -> list[str]:
    """What of a model waits: for a soak, for approvals."""
    return [
        f"{verdict.version} waits to enter {verdict.stage}: {verdict.gate}: {verdict.detail}"
        for verdict in plan.gates
        if verdict.status == "waiting"
    ]


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return "no receipt says that it was applied"
    if effect.result in ("applied", "adopted", "unchanged"):
        return f"{effect.result} {format_minute(effect.at)}"
    return "replaced before it was applied"
