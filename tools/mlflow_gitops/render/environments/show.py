"""One model in all environments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlflow_gitops.core.audit.stage_holders import StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.times import format_minute
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.console.layout import Styled, cell_width, padded, paragraph
from mlflow_gitops.render.log import event_data
from mlflow_gitops.render.terminal import Style, json_document, safe


@dataclass(frozen=True, slots=True)
class ModelInEnvironment:
    """What holds the model's stages in one environment; `holders` is None if it has no manifest
    there. By version: what it is a copy of, and the event that gave the original a stage."""

    name: str
    holders: StageHolders | None = None
    origins: Mapping[int, OriginPin] = field(default_factory=dict)
    promoted: Mapping[int, AuditedEvent | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelEverywhere:
    """One model in every environment."""

    model: str
    environments: Sequence[ModelInEnvironment]


def json(everywhere: ModelEverywhere) -> Iterator[str]:
    """One JSON document (DESIGN §5)."""
    environments = [_data(environment) for environment in everywhere.environments]
    return json_document({"model": everywhere.model, "environments": environments})


def _data(environment: ModelInEnvironment) -> dict[str, Any]:
    holders = environment.holders
    return {
        "environment": environment.name,
        "stages": {stage: list(versions) for stage, versions in holders.stages.items()}
        if holders
        else None,
        "since": {
            stage: {"at": since.at, "commit": since.commit}
            for stage, since in (holders.since if holders else {}).items()
        },
        "copied_from": {
            str(version): {
                "environment": origin.environment,
                "version": origin.version,
                "digest": origin.digest,
                "run_id": origin.run_id,
                "promoted": event_data(promoted)
                if (promoted := environment.promoted.get(version))
                else None,
            }
            for version, origin in environment.origins.items()
        },
    }


def text(everywhere: ModelEverywhere, style: Style | None = None) -> Iterator[str]:
    """One line for each stage of each environment; what a version was copied from follows it."""
    style = style or Style()
    yield style(safe(everywhere.model), "bold")
    width = max(cell_width(environment.name) for environment in everywhere.environments)
    for environment in everywhere.environments:
        if environment.holders is None:
            yield f"  {padded(environment.name, width)}  no manifest"
            continue
        for stage, versions in environment.holders.stages.items():
            since = environment.holders.since.get(stage)
            when = f"  since {format_minute(since.at)} UTC  {since.commit[:7]}" if since else ""
            held = f"{safe(stage)} {version_list(versions)}"
            spans = [Styled(f"{padded(environment.name, width)}  {held}"), Styled(when, "dim")]
            yield from paragraph(spans, style, "  ", " " * (width + 6))
            for version in versions:
                for origin in _origin(environment, version):
                    yield from paragraph([Styled(origin)], style, " " * (width + 8))


def _origin(environment: ModelInEnvironment, version: int) -> Iterator[str]:
    origin = environment.origins.get(version)
    if origin is None:
        return
    line = f"{version} is a copy of {safe(origin.label)} ({origin.digest[:19]}…)"
    promoted = environment.promoted.get(version)
    if promoted is not None:
        event = promoted.event
        people = safe(promoted.people.author)
        line += f", put into {safe(event.stage or '')} there by {event.commit.sha[:7]}, {people}"
    yield line
