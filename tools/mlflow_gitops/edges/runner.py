"""The program that runs this command: a CI job, or a terminal. It has an actor, an event, a summary
page and outputs for later steps.

Each CI system is a `Runner` beside its forge (`edges/github/actions.py`) and a line in
`app/runners.py`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Trigger(NamedTuple):
    """The event that started the run. `head` is the commit whose checks it reports, None if it
    names none; `is_merge_queue` tells whether that is a group of the merge queue, `is_dispatched`
    whether somebody, or another workflow, named it."""

    head: str | None = None
    is_merge_queue: bool = False
    is_dispatched: bool = False


class Runner(Protocol):
    """What a command may learn from the job that runs it, and hand over to that job."""

    @property
    def actor(self) -> str | None:
        """The login of the person or bot that started the run, or started it again, without `@`.
        None if a schedule did."""
        ...

    @property
    def event(self) -> str | None:
        """What started the run: `push`, `schedule`, `workflow_dispatch` and so on."""
        ...

    @property
    def run_url(self) -> str | None:
        """The web page of the run."""
        ...

    def trigger(self) -> Trigger:
        """Return the event that started the run. Raises Failure if it cannot be read."""
        ...

    def add_summary(self, markdown: str) -> None:
        """Add to the page that the run shows."""
        ...

    def set_output(self, name: str, value: str) -> None:
        """Set an output that later steps and jobs can read. `value` is one line."""
        ...

    def neutralised(self, text: str) -> str:
        """Text for the job's log without anything that the runner would obey."""
        ...


class Terminal:
    """No CI: there is no event, and summaries and outputs are dropped."""

    actor: str | None = None
    event: str | None = None
    run_url: str | None = None

    def trigger(self) -> Trigger:
        return Trigger()

    def add_summary(self, markdown: str) -> None:
        pass

    def set_output(self, name: str, value: str) -> None:
        pass

    def neutralised(self, text: str) -> str:
        return text
