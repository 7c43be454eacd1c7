"""The report: one HTML page that holds everything it shows, opens from disk, and makes no
requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mlflow_gitops.core.audit.departures import Departure
from mlflow_gitops.core.audit.event_range import EventRange
from mlflow_gitops.core.audit.events import Stages
from mlflow_gitops.core.audit.report.incidents import Incident
from mlflow_gitops.core.audit.report.lanes import Lane, Span
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent, Effect
from mlflow_gitops.core.history.web_pages import WebPages
from mlflow_gitops.core.plan.plan import ModelPlan, Plan
from mlflow_gitops.core.times import age, format_minute
from mlflow_gitops.core.wording import counted, version_list
from mlflow_gitops.render.audit.departures import departure_paragraph
from mlflow_gitops.render.audit.timeline import Timeline
from mlflow_gitops.render.terminal import safe

_NARROWEST_BAR = 0.4
"""Per cent of the timeline's width."""
_COLOURS = 6
"""The template has the classes t0 to t5 for the bars of versions."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the page shows.

    `made_from` describes the origin of a version, by model and version, and `bills` has the path of
    its bill of materials. `plan` and `registry` are None if MLflow was not read. `pages` are those
    of the repository on its forge, None if it is on none.
    """

    title: str
    at: str
    commit: str | None
    events: Sequence[AuditedEvent]
    lanes: Mapping[str, Sequence[Lane]]
    holders: Sequence[StageHolders]
    incidents: Sequence[Incident]
    hints: Sequence[str]
    made_from: Mapping[tuple[str, int], str]
    departures: Mapping[str, Departure] = field(default_factory=dict)
    """By model: who deleted or renamed its manifest, if it has none."""
    remaining: Mapping[str, Stages] = field(default_factory=dict)
    """What holds stages in MLflow of models without a manifest, if MLflow was read."""
    range: EventRange = field(default_factory=EventRange)
    """Which events and incidents the tables show. Timelines are always whole."""
    plan: Plan | None = None
    registry: str | None = None
    pages: WebPages | None = None
    bills: Mapping[tuple[str, int], str] = field(default_factory=dict)


def page(report: Report) -> str:
    """The whole page as HTML."""
    timeline = Timeline.of(report.lanes, report.at)
    events = [
        _event(index, audited, report.pages)
        for index, audited in enumerate(report.events)
        if report.range.contains_event(audited.event)
    ]
    plans = report.plan.models if report.plan else ()
    html = _template().render(
        report=report,
        models=_models(report, timeline),
        events=events[::-1],
        ticks=timeline.ticks(),
        counts=Counter(sorted(plan.sync for plan in plans)),
    )
    return str(html)


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= {"counted": counted, "minute": format_minute, "short": _short}
    return environment.get_template("report.html.j2")


def _finalize(value: object) -> object:
    """Escape control characters in text from git, manifests and the registry: they could hide or
    reorder what the page shows. Markup of the template itself is a subclass of str."""
    return safe(value) if type(value) is str else value


def _short(sha: str | None) -> str:
    return (sha or "")[:7]


def _models(report: Report, timeline: Timeline) -> list[dict[str, Any]]:
    """Each model: what holds its stages now, how that compares with git, and its timeline."""
    plans = {plan.model: plan for plan in report.plan.models} if report.plan else {}
    holders = {stage_holders.model: stage_holders for stage_holders in report.holders}
    names = sorted({*holders, *report.lanes, *plans})
    return [_model(name, report, timeline, plans.get(name), holders.get(name)) for name in names]


def _model(
    name: str,
    report: Report,
    timeline: Timeline,
    plan: ModelPlan | None,
    holders: StageHolders | None,
) -> dict[str, Any]:
    lanes = report.lanes.get(name, ())
    declared = holders.stages if holders else {}
    observed = plan.observed if plan else report.remaining.get(name, {})
    stages = dict.fromkeys([*(lane.stage for lane in lanes), *declared, *observed])
    rows = [_stage(name, stage, report, observed, holders) for stage in stages]

    sync: str | None = "manifest deleted" if holders is None else None
    if plan:
        sync = plan.sync
    refusals = plan.refusals if plan else ()
    return {
        "name": name,
        "id": f"m-{name.encode().hex()}",
        "sync": sync,
        "departure": departure_paragraph(
            report.departures.get(name), report.remaining.get(name, {}) if report.plan else None
        ),
        "refusals": [f"{refusal.code}: {refusal.detail}" for refusal in refusals],
        "stages": [row for row in rows if row is not None],
        "lanes": [
            {
                "stage": lane.stage,
                "bars": [_timeline_bar(span, report, timeline) for span in lane.spans],
            }
            for lane in lanes
        ],
    }


def _stage(
    model: str, stage: str, report: Report, in_mlflow: Stages, holders: StageHolders | None
) -> dict[str, Any] | None:
    """One stage of a model as it is now; None if nothing holds it in git and in MLflow."""
    declared = holders.stages.get(stage, ()) if holders else ()
    observed = in_mlflow.get(stage, ())
    if stage == "Archived":  # a version that MLflow archived without a manifest is no difference
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


def _timeline_bar(span: Span, report: Report, timeline: Timeline) -> dict[str, Any]:
    """One bar of a timeline: versions that held a stage without a break."""
    start, end = timeline.position(span.start), timeline.position(span.end or report.at)
    author = _name(report.events[span.event_index].people.author)
    until = f"to {format_minute(span.end)}" if span.end else "until now"
    length = age(span.start, span.end or report.at)
    title = f"{version_list(span.versions)} from {format_minute(span.start)} {until} ({length})"
    return {
        "versions": version_list(span.versions),
        "left": round(start, 3),
        "width": round(max(end - start, _NARROWEST_BAR), 3),
        "event": span.event_index,
        "tone": min(span.versions) % _COLOURS,
        "applied": span.effect is not None and span.effect.result != "superseded",
        "title": f"{title}, {_effect(span.effect)}, by {author}",
    }


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return "no receipt says that it was applied"
    if effect.result in ("applied", "adopted"):
        return f"{effect.result} {format_minute(effect.at)}"
    return "replaced before it was applied"


def _event(index: int, audited: AuditedEvent, pages: WebPages | None) -> dict[str, Any]:
    """One row of the table of events. `index` is the target of the timelines' links."""
    event, people = audited.event, audited.people
    move = event.detail
    if event.kind == "stage":
        move = f"{version_list(event.before)} → {version_list(event.after)}"
    elif event.renamed is not None:
        move = "renamed {} → {}".format(*event.renamed)
    merged_by = people.merged_by if people.merged_by != people.author else None
    pull_request_page = None
    if pages is not None and people.pull_request is not None:
        pull_request_page = pages.of_pull_request(people.pull_request)
    return {
        "index": index,
        "at": event.commit.at,
        "commit": event.commit.sha,
        "link": pages.of_commit(event.commit.sha) if pages else None,
        "kind": event.kind,
        "model": event.model or "",
        "stage": event.stage or ("policy" if event.kind == "policy" else ""),
        "move": move,
        "author": _name(people.author),
        "co_authors": _names(people.co_authors),
        "merged_by": _name(merged_by or ""),
        "merger_claimed": people.merged_by_source == "commit",
        "other_signer": audited.other_signer or "",
        "opened_by": people.opened_by or "",
        "pushed_by": _names(people.pushed_by),
        "approved_by": _names(people.approved_by),
        "claimed": people.approved_by_source == "message",
        "pr": people.pull_request,
        "pr_link": pull_request_page,
        "pr_claimed": people.pull_request_source == "message",
        "subject": event.commit.subject,
        "overrides": [f"{used.gate}{used.claim}: {used.reason}" for used in audited.overrides],
        "effect": audited.effect,
        "marks": _marks(audited),
    }


def _marks(audited: AuditedEvent) -> list[str]:
    """The words by which the page filters its events."""
    is_stage = audited.event.kind == "stage"
    marks = []
    if audited.overrides:
        marks.append("override")
    if not is_stage:
        marks.append(audited.event.kind)
    if audited.effect and audited.effect.result == "superseded":
        marks.append("superseded")
    if is_stage and audited.effect is None:
        marks.append("unapplied")
    return marks


def _name(person: str) -> str:
    """A person's name without the e-mail address."""
    return person.partition(" <")[0]


def _names(persons: Iterable[str]) -> list[str]:
    return [_name(person) for person in persons]
