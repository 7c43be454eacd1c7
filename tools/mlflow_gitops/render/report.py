"""The report: one HTML page that holds all it shows, opens from disk, and asks nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mlflow_gitops.core.audit.report import Incident, Lane, Span
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.plan.plan import ModelPlan, Plan
from mlflow_gitops.core.times import age, format_minute, format_time, parse_time
from mlflow_gitops.core.wording import counted, version_list
from mlflow_gitops.render.terminal import safe

_TICKS = 4
_LINKS = ("https://github.com/", "https://gitlab.com/")


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page shows. `plan` is None where MLflow was not asked; `home` is the
    repository's address on a forge, None where it has none; `made_from` tells of each model and
    version what its manifest pins."""

    title: str
    at: str
    commit: str | None
    told: Sequence[AuditedEvent]
    lanes: Mapping[str, Sequence[Lane]]
    standings: Sequence[StageHolders]
    incidents: Sequence[Incident]
    hints: Sequence[str]
    made_from: Mapping[tuple[str, int], str]
    plan: Plan | None = None
    registry: str | None = None
    home: str | None = None


def page(report: Report) -> str:
    """The whole page."""
    axis = _Axis.of(report)
    return str(
        _template().render(
            report=report,
            models=_models(report, axis),
            events=_events(report),
            ticks=axis.ticks(),
            counts=_counts(report),
        )
    )


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # What git, manifests and the registry say may hold characters that hide or re-order text.
        finalize=lambda value: (
            safe(value) if isinstance(value, str) and type(value) is str else value
        ),
    )
    environment.filters |= {
        "counted": counted,
        "minute": format_minute,
        "short": lambda sha: (sha or "")[:7],
    }
    return environment.get_template("report.html.j2")


def _models(report: Report, axis: _Axis) -> list[dict[str, Any]]:
    """Each model as the page tells it: what holds its stages now, how that compares with git, and
    its timeline."""
    plans = {plan.model: plan for plan in report.plan.models} if report.plan else {}
    wanted = {standing.model: standing for standing in report.standings}
    names = sorted({*wanted, *report.lanes, *plans})
    return [_model(name, report, axis, plans.get(name), wanted.get(name)) for name in names]


def _model(
    name: str, report: Report, axis: _Axis, plan: ModelPlan | None, standing: StageHolders | None
) -> dict[str, Any]:
    observed: Mapping[str, tuple[int, ...]] = plan.observed if plan else {}
    git = dict(standing.stages) if standing else {}
    stages = []
    for stage in dict.fromkeys(
        [*(lane.stage for lane in report.lanes.get(name, ())), *git, *observed]
    ):
        wanted, held = git.get(stage, ()), observed.get(stage, ())
        if stage == "Archived":  # what goes there unnamed is no difference
            held = tuple(version for version in held if version in wanted)
        if not (wanted or held):
            continue
        since = standing.since.get(stage) if standing else None
        stages.append(
            {
                "name": stage,
                "git": version_list(wanted),
                "mlflow": version_list(held) if plan and not stage.startswith("@") else None,
                "same": held == wanted,
                "since": since,
                "made_from": [
                    text for version in wanted if (text := report.made_from.get((name, version)))
                ],
            }
        )
    return {
        "name": name,
        "id": f"m-{name.encode().hex()}",
        "sync": plan.sync if plan else ("no manifest any more" if standing is None else None),
        "refusals": (
            [f"{refusal.code}: {refusal.detail}" for refusal in plan.refusals] if plan else []
        ),
        "stages": stages,
        "lanes": [
            {"stage": lane.stage, "bars": [_bar(span, report, axis) for span in lane.spans]}
            for lane in report.lanes.get(name, ())
        ],
    }


def _bar(span: Span, report: Report, axis: _Axis) -> dict[str, Any]:
    start, end = axis.at(span.start), axis.at(span.end or report.at)
    one = report.told[span.event_index]
    by = one.people.author.partition(" <")[0]
    until = f"to {format_minute(span.end)}" if span.end else "until now"
    effect = span.effect
    took = (
        f"applied {format_minute(effect.at)}" if effect and effect.result == "applied"
        else "replaced before it was applied" if effect
        else "no receipt says that it was applied"
    )  # fmt: skip
    length = age(span.start, span.end or report.at)
    return {
        "versions": version_list(span.versions),
        "left": round(start, 3),
        "width": round(max(end - start, 0.4), 3),
        "event": span.event_index,
        "tone": min(span.versions) % 6,
        "applied": effect is not None and effect.result == "applied",
        "said": (
            f"{version_list(span.versions)} from {format_minute(span.start)} {until} ({length}), {took}, by"
            f" {by}"
        ),
    }


def _events(report: Report) -> list[dict[str, Any]]:
    told = []
    for place, one in enumerate(report.told):
        event, people = one.event, one.people
        marks = ["override"] if one.overrides else []
        marks += [event.kind] if event.kind != "stage" else []
        effect = one.effect
        marks += ["superseded"] if effect and effect.result == "superseded" else []
        marks += ["unapplied"] if event.kind == "stage" and effect is None else []
        told.append(
            {
                "place": place,
                "at": event.commit.at,
                "commit": event.commit.sha,
                "link": _link(report.home, event.commit.sha, None),
                "kind": event.kind,
                "model": event.model or "",
                "stage": event.stage or ("policy" if event.kind == "policy" else ""),
                "move": (
                    f"{version_list(event.before)} → {version_list(event.after)}"
                    if event.kind == "stage"
                    else event.detail
                ),
                "author": people.author.partition(" <")[0],
                "co_authors": [who.partition(" <")[0] for who in people.co_authors],
                "merged_by": (
                    (people.merged_by or "").partition(" <")[0]
                    if people.merged_by != people.author
                    else ""
                ),
                "approved_by": [who.partition(" <")[0] for who in people.approved_by],
                "claimed": people.approved_by_source == "message",
                "pr": people.pull_request,
                "pr_link": _link(report.home, "", people.pull_request),
                "subject": event.commit.subject,
                "overrides": [f"{used.gate}: {used.reason}" for used in one.overrides],
                "effect": effect,
                "marks": marks,
            }
        )
    return list(reversed(told))


@dataclass(frozen=True, slots=True)
class _Axis:
    """The time that the timelines cover, in seconds since 1970; places on it are per cent of its
    length."""

    start: float
    end: float

    @classmethod
    def of(cls, report: Report) -> _Axis:
        end = parse_time(report.at).timestamp()
        starts = [
            span.start for lanes in report.lanes.values() for lane in lanes for span in lane.spans
        ]
        return cls(min([end, *(parse_time(start).timestamp() for start in starts)]), end)

    def at(self, time: str) -> float:
        length = self.end - self.start
        return (
            100 * min(max((parse_time(time).timestamp() - self.start) / length, 0.0), 1.0)
            if length
            else 0.0
        )

    def ticks(self) -> list[dict[str, Any]]:
        """A few moments along it, as people read them: days, or minutes where it is short."""
        length = self.end - self.start
        digits = 10 if length > 3 * 86_400 else 16
        return [
            {
                "left": 100 * i / _TICKS,
                "said": format_time(self.start + length * i / _TICKS)[:digits].replace("T", " "),
            }
            for i in range(_TICKS + 1)
            if length
        ]


def _counts(report: Report) -> dict[str, int]:
    """How many models are how, for the head of the page."""
    syncs = [plan.sync for plan in report.plan.models] if report.plan else []
    return {sync: syncs.count(sync) for sync in dict.fromkeys(sorted(syncs))}


def _link(home: str | None, sha: str, number: int | None) -> str | None:
    if home is None or not home.startswith(_LINKS):
        return None
    return (
        f"{home}/pull/{number}" if number is not None else f"{home}/commit/{sha}" if sha else None
    )
