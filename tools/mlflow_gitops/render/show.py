"""Who held which stage: for people in a hurry, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlflow_gitops.core.audit.events import ModelTimeline
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.lineage import Origin, origin, words
from mlflow_gitops.core.times import age, format_minute
from mlflow_gitops.core.wording import counted, version_list
from mlflow_gitops.render import events
from mlflow_gitops.render.events import subject
from mlflow_gitops.render.terminal import Style, safe


def data(
    at: str,
    commit: str | None,
    found: Sequence[StageHolders],
    details: Mapping[str, AuditedEvent],
    made_from: Mapping[int, Origin] | None = None,
) -> dict[str, Any]:
    """`{"at", "commit", "models"}`. Where one model was asked for, `events` holds what made each of
    its stages what it is, and `made_from` what is known of the making of each version that holds
    one."""
    models: list[dict[str, Any]] = [
        {
            "model": one.model,
            "stages": {stage: list(held) for stage, held in one.stages.items()},
            "since": {
                stage: {"at": since.at, "commit": since.commit}
                for stage, since in one.since.items()
            },
        }
        for one in found
    ]
    if details:
        models[0]["events"] = {stage: events.data(told) for stage, told in details.items()}
        models[0]["made_from"] = [
            _origin(version, known) for version, known in sorted((made_from or {}).items())
        ]
    return {"at": at, "commit": commit, "models": models}


def every(
    at: str, commit: str | None, found: Sequence[StageHolders], style: Style
) -> Iterator[str]:
    """Each model, a line a stage."""
    for one in found:
        yield style(safe(one.model), "bold")
        width = max((len(safe(stage)) for stage in one.stages), default=0)
        for stage, held in one.stages.items():
            since = one.since.get(stage)
            told = f"  since {format_minute(since.at)}  {since.commit[:7]}" if since else ""
            yield f"  {safe(stage):<{width}}  {style(version_list(held), 'bold')}{style(told, 'dim')}"
    what = counted(len(found), "model")
    yield (
        f"{what} at {format_minute(at)}"
        f" UTC{f', commit {commit[:7]}' if commit else ', before the first commit'}."
    )


def one(
    course: ModelTimeline,
    standing: StageHolders | None,
    details: Mapping[str, AuditedEvent],
    place: int,
    now: str,
    style: Style,
    recorded: bool = False,
    made_from: Mapping[int, Origin] | None = None,
) -> Iterator[str]:
    """One model in five lines: what is served and since when, by what, with whose approval, in
    whose place, made from what. `recorded` is as in `events.text`; `made_from` is what is known of
    versions, by default what the manifest pins."""
    desired = course.desired_at(place)
    if standing is None or desired is None:
        yield f"{style(safe(course.model), 'bold')}  has no manifest at that time."
        return
    stage = _foremost(desired, standing)
    others = [
        f"{other} {version_list(held)}"
        for other, held in standing.stages.items()
        if other != stage and held
    ]
    also = style(f"   also {safe(', '.join(others))}", "dim") if others else ""
    if stage is None or stage not in details:
        yield f"{style(safe(course.model), 'bold')}  holds no stage.{also}"
        return
    told = details[stage]
    event = told.event
    at = f"since {format_minute(event.commit.at)} UTC, {age(event.commit.at, now)}"
    held = standing.stages[stage]
    head = f"{style(safe(course.model), 'bold')}  {safe(stage)} {style(version_list(held), 'bold')}"
    yield f"{head}  {at}{_effect(told, recorded)}{also}"
    merged = told.people.merged_by
    by = f", merged by {safe(merged)}" if merged and merged != told.people.author else ""
    yield _line(
        "by", f"{event.commit.sha[:7]} {subject(told)}, {safe(told.people.author)}{by}", style
    )
    yield _line("approved", _approved(told), style)
    yield _line("replaced", version_list(event.before) if event.before else "nothing", style)
    specs = desired.manifest.versions
    known = made_from or {version: origin(specs.get(version)) for version in held}
    pins = [
        f"{version}: {safe(words(known[version]) or 'not pinned in the manifest')}"
        for version in held
    ]
    yield _line(
        "made from",
        "; ".join(pins) if len(pins) > 1 else pins[0].partition(": ")[2] if pins else "—",
        style,
    )


def _foremost(desired: Desired, standing: StageHolders) -> str | None:
    """Production, or else the first stage in display order that holds something."""
    order = [stage for stage in desired.policy.stages if stage in standing.since]
    held = [stage for stage in order if standing.stages[stage]]
    return "Production" if "Production" in order else held[0] if held else None


def _line(word: str, said: str, style: Style) -> str:
    return f"  {style(f'{word:<9}', 'dim')}  {said}"


def _effect(told: AuditedEvent, recorded: bool) -> str:
    if told.effect is None:
        return ", not applied yet" if recorded else ""
    return f", {told.effect.result} {format_minute(told.effect.at)}"


def _approved(told: AuditedEvent) -> str:
    who, source = ", ".join(map(safe, told.people.approved_by)), told.people.approved_by_source
    if source is None:
        return "nobody that is recorded here"
    return (who or "nobody") + (" (claimed in the message)" if source == "message" else "")


def _origin(version: int, known: Origin) -> dict[str, Any]:
    return {
        "version": version,
        "run_id": known.run_id,
        "model_id": known.model_id,
        "source": known.source,
        "datasets": list(known.datasets),
        "data": [{"path": path, "md5": md5} for path, md5 in known.data.items()],
        "code_commit": known.code_commit,
        "digest": known.digest,
    }
