"""What `notify` shows: channels with what is wrong with them, and who gets what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.notifying.events import EventKind
from mlflow_gitops.core.wording import NO_VALUE
from mlflow_gitops.render.console.layout import Column, Styled, TableRow, table_lines
from mlflow_gitops.render.terminal import Style, json_document, safe


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel, and why it gets no message; None if it does."""

    name: str
    fault: str | None


@dataclass(frozen=True, slots=True)
class NotifyRoute:
    """The kinds of events about a model that one channel gets. `model` is None for events that
    belong to none, `environment` for the only one."""

    model: str | None
    environment: str | None
    kinds: tuple[EventKind, ...]
    channel: str


@dataclass(frozen=True, slots=True)
class NotifyOutput:
    """The channels, and the routes; after a test there are no routes."""

    channels: tuple[ChannelState, ...]
    routes: tuple[NotifyRoute, ...]
    is_test: bool = False


def text(output: NotifyOutput, style: Style | None = None) -> Iterator[str]:
    """A line for each channel, then a line for each route."""
    style = style or Style()
    works = "delivered" if output.is_test else "has an address"
    yield style("channels", "bold")
    rows = [
        TableRow(
            [
                Styled(f"  {safe(state.name)}"),
                Styled(f"✗ {safe(state.fault)}", "red")
                if state.fault is not None
                else Styled(f"✓ {works}", "green"),
            ]
        )
        for state in output.channels
    ]
    yield from table_lines(rows, (Column(12), Column()), style)
    if output.is_test:
        return
    yield style("who gets what", "bold")
    routes = [
        TableRow(
            [
                Styled(f"  {safe(_subject(route))}"),
                Styled(safe(route.channel)),
                Styled(", ".join(route.kinds)),
            ]
        )
        for route in output.routes
    ]
    yield from table_lines(routes, (Column(12), Column(8), Column()), style)


def json(output: NotifyOutput) -> Iterator[str]:
    """Everything as one JSON document."""
    data: dict[str, Any] = {
        "test": output.is_test,
        "channels": [
            {
                "channel": state.name,
                "delivered": state.fault is None if output.is_test else None,
                "fault": state.fault,
            }
            for state in output.channels
        ],
        "routes": [
            {
                "model": route.model,
                "environment": route.environment,
                "events": list(route.kinds),
                "channel": route.channel,
            }
            for route in output.routes
        ],
    }
    return json_document(data)


def _subject(route: NotifyRoute) -> str:
    model = route.model if route.model is not None else f"{NO_VALUE} no model"
    return f"{route.environment}/{model}" if route.environment else model
