"""GitHub Actions as a `Runner`: a job's variables, its event file, and the files by which a step
reports to it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow_gitops.core.yaml.characters import INVISIBLE
from mlflow_gitops.core.yaml.limits import CONTROL
from mlflow_gitops.edges.runner import Trigger
from mlflow_gitops.errors import Failure

_ACTOR = "GITHUB_ACTOR"
_STARTED_BY = "GITHUB_TRIGGERING_ACTOR"
_EVENT_NAME = "GITHUB_EVENT_NAME"
_SCHEDULE = "schedule"
_EVENT = "GITHUB_EVENT_PATH"
_SUMMARY = "GITHUB_STEP_SUMMARY"
_OUTPUT = "GITHUB_OUTPUT"
_RUN = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")

_MAX_SUMMARY = 1_000_000
"""Bytes of a step's summary. GitHub drops the whole summary of a step if it has more than 1 MiB."""

# One class, so that no character can be matched in two ways.
_SKIPPED = INVISIBLE[1:-1] + CONTROL.pattern[1:-1]
_INVISIBLE = f"[{_SKIPPED}]*"
# Patterns are texts, so that a process outside of a workflow does not compile them.
_OLD_COMMAND = rf"#{_INVISIBLE}#{_INVISIBLE}\["
_LINE_START = (
    rf"(^|[\r\n])(?![\r\n])[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000{_SKIPPED}]*"
    rf":{_INVISIBLE}:"
)
_COMMAND = r"::([A-Za-z0-9_-]+(?:\s[^:\r\n]{0,1000})?)::"


class GitHubActions:
    """The job of a workflow. What its variables leave out is dropped, so parts of it can be set by
    hand."""

    @staticmethod
    def is_active() -> bool:
        """Whether this process has any of a job's variables."""
        return any(os.environ.get(name) for name in (_ACTOR, _EVENT, _SUMMARY, _OUTPUT, _RUN[-1]))

    @property
    def actor(self) -> str | None:
        """For a schedule, GitHub names the person who changed the schedule last; for a run that
        somebody started again, GITHUB_ACTOR is still the one who caused the first one."""
        if self.event == _SCHEDULE:
            return None
        return os.environ.get(_STARTED_BY) or os.environ.get(_ACTOR) or None

    @property
    def event(self) -> str | None:
        return os.environ.get(_EVENT_NAME) or None

    @property
    def run_url(self) -> str | None:
        server, repository, run = (os.environ.get(name) for name in _RUN)
        if not (server and repository and run):
            return None
        return f"{server}/{repository}/actions/runs/{run}"

    def trigger(self) -> Trigger:
        """The `workflow_run` that started this one: it has the head that the first one checked. A
        `workflow_dispatch` has it as its input `head`."""
        event = self._event()
        run, inputs = event.get("workflow_run") or {}, event.get("inputs") or {}
        head = run.get("head_sha") or inputs.get("head")
        return Trigger(
            str(head or "") or None,
            is_merge_queue=run.get("event") == "merge_group",
            is_dispatched=not run and bool(head),
        )

    def add_summary(self, markdown: str) -> None:
        from mlflow_gitops.edges.system.redaction import without_environment_secrets

        _append(_SUMMARY, _fitting(without_environment_secrets()(markdown)))

    def set_output(self, name: str, value: str) -> None:
        _append(_OUTPUT, f"{name}={value}")

    def neutralised(self, text: str) -> str:
        """The text with a space inside each command. The runner obeys `##[command]` anywhere in a
        line and `::command::` at its start (actions/runner, ActionCommand.cs). .NET skips invisible
        characters when it looks for the two."""
        text = re.sub(_OLD_COMMAND, "# #[", text)
        text = re.sub(_LINE_START, r"\1: :", text)
        return re.sub(_COMMAND, r": :\1: :", text)

    def _event(self) -> Mapping[str, Any]:
        from mlflow_gitops.core.audit.untrusted_json import MAX_CHARACTERS, loads

        path = os.environ.get(_EVENT)
        if not path:
            return {}
        try:
            with open(path, encoding="utf-8") as stream:
                event = loads(stream.read(MAX_CHARACTERS + 1))
        except (OSError, ValueError):
            raise Failure(f"The event file cannot be read: {_EVENT}={path}.") from None
        return event if isinstance(event, dict) else {}


def _fitting(markdown: str) -> str:
    """A text that fits into what is left of the step's summary; what is cut is counted."""
    path = Path(os.environ.get(_SUMMARY) or os.devnull)
    used = path.stat().st_size if path.is_file() else 0
    data = markdown.encode("utf-8", "replace")
    room = max(0, _MAX_SUMMARY - used)
    if len(data) <= room:
        return markdown
    kept = data[:room].decode("utf-8", "ignore").rpartition("\n")[0]
    missing = len(data) - len(kept.encode())
    return f"{kept}\n\n**{missing} bytes more do not fit into this page.**"


def _append(variable: str, text: str) -> None:
    if path := os.environ.get(variable):
        with open(path, "a", encoding="utf-8", errors="replace") as file:
            file.write(f"{text}\n")
