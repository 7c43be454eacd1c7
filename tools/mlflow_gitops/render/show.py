"""Who held which stage at one moment, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlflow_gitops.core.audit.departures import Departure
from mlflow_gitops.core.audit.record.drift import HealedDrift
from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.lineage import Lineage, lineage_of, lineage_text
from mlflow_gitops.core.times import age, format_minute
from mlflow_gitops.core.wording import NO_VALUE, counted, version_list
from mlflow_gitops.render.audit.departures import (
    departure_data,
    departure_sentence,
    left_in_mlflow,
)
from mlflow_gitops.render.console.layout import Styled, cell_width, padded, paragraph
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
    made_from: Mapping[int, Lineage] = field(default_factory=dict)
    """What each version was made from. A version that is missing here is described by what its
    manifest pins."""
    now: str = ""
    """The time from which ages are counted, RFC 3339."""
    departure: Departure | None = None
    """Who deleted or renamed the manifest, if it is gone."""
    last_drift: HealedDrift | None = None
    """What was last found moved by hand and put back, up to that time."""
    has_receipts: bool = False
    """Whether this clone has receipts, so that a stage without one was not applied yet."""


@dataclass(frozen=True, slots=True)
class HoldersAt:
    """Who held which stage at `at` (RFC 3339), after the commit `commit` of the main line."""

    at: str
    commit: str | None
    models: Sequence[StageHolders]
    details: OneModel | None = None
    """Set if `show` was called for one model, by what git wanted."""


def json(holders: HoldersAt) -> Iterator[str]:
    """`{"at", "commit", "models"}` as one JSON document.

    For one model, `events` holds the event behind each of its stages, and `made_from` what is known
    about the origin of each version that holds a stage.
    """
    data: list[dict[str, Any]] = [
        {
            "model": stage_holders.model,
            "stages": {stage: list(versions) for stage, versions in stage_holders.stages.items()},
            "since": {
                stage: {"at": since.at, "commit": since.commit}
                for stage, since in stage_holders.since.items()
            },
            **(
                {"drift": [_drift_data(drift) for drift in stage_holders.drift]}
                if stage_holders.drift
                else {}
            ),
        }
        for stage_holders in holders.models
    ]
    if holders.details is not None and holders.details.events:
        data[0]["events"] = {
            stage: event_data(audited) for stage, audited in holders.details.events.items()
        }
        data[0]["made_from"] = [
            _origin_data(version, made_from)
            for version, made_from in sorted(holders.details.made_from.items())
        ]
    document: dict[str, Any] = {"at": holders.at, "commit": holders.commit, "models": data}
    if holders.details is not None and holders.details.departure is not None:
        document["departure"] = departure_data(holders.details.departure)
    if holders.details is not None and holders.details.last_drift is not None:
        document["last_drift"] = _drift_data(holders.details.last_drift)
    return json_document(document)


def _drift_data(drift: HealedDrift) -> dict[str, Any]:
    return {
        "stage": drift.stage,
        "from": list(drift.before),
        "to": list(drift.after),
        "right_at": drift.right_at,
        "found_at": drift.found_at,
        "detail": drift.detail,
    }


def _origin_data(version: int, made_from: Lineage) -> dict[str, Any]:
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
    if holders.details is None:
        return _every_model(holders, style)
    return _one_model(holders.details, holders.models, style)


def _every_model(holders: HoldersAt, style: Style) -> Iterator[str]:
    for stage_holders in holders.models:
        yield from paragraph([Styled(safe(stage_holders.model), "bold")], style)
        width = max((cell_width(safe(stage)) for stage in stage_holders.stages), default=0)
        for stage, versions in stage_holders.stages.items():
            since = stage_holders.since.get(stage)
            suffix = f"  since {format_minute(since.at)}  {since.commit[:7]}" if since else ""
            spans = [
                Styled(f"{padded(safe(stage), width)}  "),
                Styled(version_list(versions), "bold"),
            ]
            yield from paragraph([*spans, Styled(suffix, "dim")], style, "  ")
        for drift in stage_holders.drift:
            doubt = f" nobody knows whether this was so already: {safe(drift.detail)}"
            yield from paragraph([Styled("!", "yellow"), Styled(doubt)], style, "  ")

    commit = f"commit {holders.commit[:7]}" if holders.commit else "before the first commit"
    counted_models = counted(len(holders.models), "model")
    total = f"{counted_models} at {format_minute(holders.at)} UTC, {commit}."
    yield from paragraph([Styled(total)], style)


def _one_model(model: OneModel, models: Sequence[StageHolders], style: Style) -> Iterator[str]:
    """What is served and since when, by which commit, with whose approval, instead of which
    version, and made from what."""
    name = Styled(safe(model.name), "bold")
    if not models or model.desired is None:
        yield from _without_manifest(name, model, style)
        return

    [stage_holders] = models
    stage = _main_stage(model.desired, stage_holders)
    other_stages = Styled(_other_stages(stage_holders, stage), "dim")
    if stage is None or stage not in model.events:
        yield from paragraph([name, Styled("  holds no stage."), other_stages], style)
        return

    audited, versions = model.events[stage], stage_holders.stages[stage]
    at = audited.event.commit.at
    since = f"since {format_minute(at)} UTC, {age(at, model.now)}"
    numbers = Styled(version_list(versions), "bold")
    effect = Styled(f"  {since}{_effect(audited, model.has_receipts)}")
    head = [name, Styled(f"  {safe(stage)} "), numbers, effect, other_stages]
    yield from paragraph(head, style)
    yield from _line("by", _author(audited), style)
    yield from _line("approved", _approval(audited), style)
    replaced = version_list(audited.event.before) if audited.event.before else "nothing"
    yield from _line("replaced", replaced, style)
    for sentence in audited.unhealthy:
        yield from _line("health", safe(sentence), style)
    yield from _line("made from", _made_from(model, model.desired, versions), style)
    if model.last_drift is not None:
        drift = model.last_drift
        yield from _line("drift", f"{safe(drift.detail)}; healed {drift.receipt.at}", style)


def _without_manifest(name: Styled, model: OneModel, style: Style) -> Iterator[str]:
    departure = model.departure
    if departure is None:
        yield from paragraph([name, Styled("  has no manifest at that time.")], style)
        return
    reason = f"  has no manifest: {departure_sentence(departure)}."
    yield from paragraph([name, Styled(reason)], style)
    if departure.renamed_to is None:
        remaining = left_in_mlflow(departure.remaining) or "nothing in a stage"
        source = (
            f"{remaining}, by the receipts" if model.has_receipts else "not known: no receipts here"
        )
        yield from _line("in MLflow", source, style)


def _main_stage(desired: Desired, stage_holders: StageHolders) -> str | None:
    """Production, or else the first stage in display order that holds a version."""
    order = [stage for stage in desired.policy.stages if stage in stage_holders.since]
    if "Production" in order:
        return "Production"
    return next((stage for stage in order if stage_holders.stages[stage]), None)


def _other_stages(stage_holders: StageHolders, main_stage: str | None) -> str:
    phrases = [
        f"{stage} {version_list(versions)}"
        for stage, versions in stage_holders.stages.items()
        if stage != main_stage and versions
    ]
    return f"   also {safe(', '.join(phrases))}" if phrases else ""


def _effect(audited: AuditedEvent, has_receipts: bool) -> str:
    if audited.effect is not None:
        return f", {audited.effect.result} {format_minute(audited.effect.at)}"
    return ", not applied yet" if has_receipts else ""


def _author(audited: AuditedEvent) -> str:
    people = audited.people
    commit = audited.event.commit.sha[:7]
    line = f"{commit} {subject(audited)}, {safe(people.author)} (claimed)"
    if audited.other_signer is not None:
        line += f", signed by {safe(audited.other_signer)}, who is another person"
    if people.merged_by and people.merged_by != people.author:
        claim = " (claimed)" if people.merged_by_source == "commit" else ""
        line += f", merged by {safe(people.merged_by)}{claim}"
    if people.opened_by:
        line += f", opened by {safe(people.opened_by)}"
    if people.pushed_by:
        line += f", pushed by {', '.join(map(safe, people.pushed_by))}"
    return line


def _approval(audited: AuditedEvent) -> str:
    if audited.people.approved_by_source is None:
        return "no approval recorded"
    names = ", ".join(map(safe, audited.people.approved_by)) or "nobody"
    is_claimed = audited.people.approved_by_source == "message"
    return f"{names} (claimed in the message)" if is_claimed else names


def _made_from(model: OneModel, desired: Desired, versions: Sequence[int]) -> str:
    pins = desired.manifest.versions
    origins = []
    for version in versions:
        made_from = model.made_from.get(version) or lineage_of(pins.get(version))
        origins.append(safe(lineage_text(made_from) or "not pinned in the manifest"))

    if len(versions) == 1:
        return origins[0]
    numbered = zip(versions, origins, strict=True)
    return "; ".join(f"{version}: {text}" for version, text in numbered) or NO_VALUE


def _line(label: str, text: str, style: Style) -> Iterator[str]:
    spans = [Styled(f"{label:<9}", "dim"), Styled(f"  {text}")]
    yield from paragraph(spans, style, "  ", " " * 13)
