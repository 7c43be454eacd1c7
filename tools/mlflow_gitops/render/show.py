"""Who held which stage at one moment, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.lineage import Origin, origin, words
from mlflow_gitops.core.times import age, format_minute
from mlflow_gitops.core.wording import NOTHING, counted, version_list
from mlflow_gitops.render.log import event_data, subject
from mlflow_gitops.render.terminal import Style, json_document, safe


@dataclass(frozen=True, slots=True)
class OneModel:
    """What is known about the only model that `show` was called for."""

    name: str
    desired: Desired | None
    """What git wanted; None if the model had no manifest at that time."""
    events: Mapping[str, AuditedEvent]
    """The event that put each stage into its state, by stage."""
    made_from: Mapping[int, Origin] = field(default_factory=dict)
    """What each version was made from. A version that is missing here is described by what its
    manifest pins."""
    now: str = ""
    """The time from which ages are counted, RFC 3339."""
    has_receipts: bool = False
    """Whether this clone has receipts, so that a stage without one was not applied yet."""


@dataclass(frozen=True, slots=True)
class HoldersAt:
    """Who held which stage at `at` (RFC 3339), after the commit `commit` of the main line."""

    at: str
    commit: str | None
    standings: Sequence[StageHolders]
    one: OneModel | None = None
    """Set if `show` was called for one model, by what git wanted."""


def json(holders: HoldersAt) -> Iterator[str]:
    """`{"at", "commit", "models"}` as one JSON document.

    For one model, `events` holds the event behind each of its stages, and `made_from` what is known
    about the origin of each version that holds a stage.
    """
    models: list[dict[str, Any]] = [
        {
            "model": standing.model,
            "stages": {stage: list(versions) for stage, versions in standing.stages.items()},
            "since": {
                stage: {"at": since.at, "commit": since.commit}
                for stage, since in standing.since.items()
            },
        }
        for standing in holders.standings
    ]
    if holders.one is not None and holders.one.events:
        models[0]["events"] = {
            stage: event_data(told) for stage, told in holders.one.events.items()
        }
        models[0]["made_from"] = [
            _origin_data(version, made_from)
            for version, made_from in sorted(holders.one.made_from.items())
        ]
    return json_document({"at": holders.at, "commit": holders.commit, "models": models})


def _origin_data(version: int, made_from: Origin) -> dict[str, Any]:
    return {
        "version": version,
        "run_id": made_from.run_id,
        "model_id": made_from.model_id,
        "source": made_from.source,
        "datasets": list(made_from.datasets),
        "data": [{"path": path, "md5": md5} for path, md5 in made_from.data.items()],
        "code_commit": made_from.code_commit,
        "digest": made_from.digest,
    }


def text(holders: HoldersAt, style: Style | None = None) -> Iterator[str]:
    """Every model with one line for each stage, or one model in five lines."""
    style = style or Style()
    if holders.one is None:
        return _every_model(holders, style)
    return _one_model(holders.one, holders.standings, style)


def _every_model(holders: HoldersAt, style: Style) -> Iterator[str]:
    for standing in holders.standings:
        yield style(safe(standing.model), "bold")
        width = max((len(safe(stage)) for stage in standing.stages), default=0)
        for stage, versions in standing.stages.items():
            since = standing.since.get(stage)
            suffix = f"  since {format_minute(since.at)}  {since.commit[:7]}" if since else ""
            held = style(version_list(versions), "bold")
            yield f"  {safe(stage):<{width}}  {held}{style(suffix, 'dim')}"

    commit = f"commit {holders.commit[:7]}" if holders.commit else "before the first commit"
    yield f"{counted(len(holders.standings), 'model')} at {format_minute(holders.at)} UTC, {commit}."


def _one_model(model: OneModel, standings: Sequence[StageHolders], style: Style) -> Iterator[str]:
    """What is served and since when, by which commit, with whose approval, instead of which
    version, and made from what."""
    name = style(safe(model.name), "bold")
    if not standings or model.desired is None:
        yield f"{name}  has no manifest at that time."
        return

    [standing] = standings
    stage = _main_stage(model.desired, standing)
    others = _other_stages(standing, stage, style)
    if stage is None or stage not in model.events:
        yield f"{name}  holds no stage.{others}"
        return

    told, versions = model.events[stage], standing.stages[stage]
    at = told.event.commit.at
    since = f"since {format_minute(at)} UTC, {age(at, model.now)}"
    held = style(version_list(versions), "bold")
    yield f"{name}  {safe(stage)} {held}  {since}{_effect(told, model.has_receipts)}{others}"
    yield _line("by", _author(told), style)
    yield _line("approved", _approval(told), style)
    replaced = version_list(told.event.before) if told.event.before else "nothing"
    yield _line("replaced", replaced, style)
    yield _line("made from", _made_from(model, model.desired, versions), style)


def _main_stage(desired: Desired, standing: StageHolders) -> str | None:
    """Production, or else the first stage in display order that holds a version."""
    order = [stage for stage in desired.policy.stages if stage in standing.since]
    if "Production" in order:
        return "Production"
    return next((stage for stage in order if standing.stages[stage]), None)


def _other_stages(standing: StageHolders, main_stage: str | None, style: Style) -> str:
    others = [
        f"{stage} {version_list(versions)}"
        for stage, versions in standing.stages.items()
        if stage != main_stage and versions
    ]
    return style(f"   also {safe(', '.join(others))}", "dim") if others else ""


def _effect(told: AuditedEvent, has_receipts: bool) -> str:
    if told.effect is not None:
        return f", {told.effect.result} {format_minute(told.effect.at)}"
    return ", not applied yet" if has_receipts else ""


def _author(told: AuditedEvent) -> str:
    people = told.people
    line = f"{told.event.commit.sha[:7]} {subject(told)}, {safe(people.author)}"
    if people.merged_by and people.merged_by != people.author:
        line += f", merged by {safe(people.merged_by)}"
    return line


def _approval(told: AuditedEvent) -> str:
    if told.people.approved_by_source is None:
        return "nobody that is recorded here"
    names = ", ".join(map(safe, told.people.approved_by)) or "nobody"
    is_claimed = told.people.approved_by_source == "message"
    return f"{names} (claimed in the message)" if is_claimed else names


def _made_from(model: OneModel, desired: Desired, versions: Sequence[int]) -> str:
    pins = desired.manifest.versions
    origins = []
    for version in versions:
        made_from = model.made_from.get(version) or origin(pins.get(version))
        origins.append(safe(words(made_from) or "not pinned in the manifest"))

    if len(versions) == 1:
        return origins[0]
    numbered = zip(versions, origins, strict=True)
    return "; ".join(f"{version}: {text}" for version, text in numbered) or NOTHING


def _line(label: str, text: str, style: Style) -> str:
    return f"  {style(f'{label:<9}', 'dim')}  {text}"
