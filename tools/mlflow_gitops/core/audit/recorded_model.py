"""Reading what a receipt records about one model, in every format that was ever written (RULES R6).

`core/audit/receipt_format.py` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.times import is_time

if TYPE_CHECKING:  # `log` only reads receipts: it does not load plans and their outcomes
    from mlflow_gitops.core.gates.change_approvals import Participant
    from mlflow_gitops.core.health.recorded_health import RecordedHealth


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """What a receipt records about one model. Anyone who can push receipts can write anything into
    them, so a part of the wrong type is read as if it were not there."""

    content: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.content.get("model"))

    @property
    def is_applied(self) -> bool:
        """Whether the run brought the model all the way to its commit."""
        return self.content.get("result") == "applied"

    @property
    def registered(self) -> str | None:
        """When MLflow registered the model that the run changed, RFC 3339: a model that was made
        again under the same name has another time. None if the receipt does not say."""
        registered = self.content.get("registered")
        return registered if isinstance(registered, str) and is_time(registered) else None

    @property
    def is_created(self) -> bool:
        """Whether the run made the model in MLflow."""
        return any(change.get("action") == "create_model" for change in self.changes)

    @property
    def is_base_unrecorded(self) -> bool:
        """Whether no receipt explained the state that the run began from."""
        return self.content.get("base_unrecorded") is True

    @property
    def is_changed(self) -> bool:
        """Whether the run changed the model, all the way to its commit or not."""
        return self.is_applied or bool(self.content.get("changes"))

    @property
    def changes(self) -> list[Mapping[str, Any]]:
        """The changes that the run made."""
        return self._mappings("changes")

    @property
    def already_applied(self) -> list[Mapping[str, Any]]:
        """The changes that git asked for and MLflow already had when the run came to the model."""
        return self._mappings("already_applied") or self._mappings("found")

    @property
    def refusals(self) -> list[Mapping[str, Any]]:
        return self._mappings("refusals")

    @property
    def entered(self) -> frozenset[tuple[str, int]]:
        """(stage, version) for each version that came to hold a stage. In a recovered receipt, only
        those whose gates were judged and passed."""
        stages = self.content.get("stages")
        entries = stages if isinstance(stages, list) else []
        return frozenset(
            (entry[0], entry[1])
            for entry in entries
            if isinstance(entry, list) and list(map(type, entry)) == [str, int]
        )

    @property
    def file_lists(self) -> Mapping[str, Any]:
        """The lists of files that were compared, by their digests (`core.recorded.file_lists`)."""
        files = self._mappings("files")
        return {str(entry.get("digest")): entry["list"] for entry in files if "list" in entry}

    @property
    def health(self) -> list[RecordedHealth]:
        """How the versions did that the run took out of a stage."""
        entries = self._mappings("health")
        if not entries:
            return []
        from mlflow_gitops.core.health.recorded_health import recorded_health

        return recorded_health(entries)

    @property
    def flaws(self) -> list[Mapping[str, Any]]:
        """What the run found wrong with the record: each with `kind` and `stamp`, both texts."""
        flaws = self._mappings("flaws")
        return [
            flaw
            for flaw in flaws
            if isinstance(flaw.get("kind"), str) and isinstance(flaw.get("stamp"), str)
        ]

    @property
    def commits(self) -> set[str]:
        """The commits whose changes the run brought about, or found done."""
        commits = [
            *(change.get("commit") for change in (*self.changes, *self.already_applied)),
            *(person.get("commit") for person in self._mappings("people")),
        ]
        return {commit for commit in commits if isinstance(commit, str)}

    @property
    def error(self) -> str | None:
        error = self.content.get("error")
        return error if isinstance(error, str) else None

    @property
    def gates(self) -> list[Mapping[str, Any]]:
        """The verdicts as they were recorded: `stage`, `version`, `gate`, `status` and, since
        format 3, `facts`."""
        return [gate for gate in self._mappings("gates") if type(gate.get("version")) is int]

    def verdicts(self) -> frozenset[tuple[str, int, str, str]]:
        """(stage, version, gate, status) for each gate that was judged."""
        return frozenset(
            (
                str(gate.get("stage")),
                gate["version"],
                str(gate.get("gate")),
                str(gate.get("status")),
            )
            for gate in self._mappings("gates")
            if isinstance(gate.get("version"), int)
        )

    def vouched(self) -> list[tuple[str, RecordedPeople]]:
        """(making commit, the people behind it) for each that the run looked up."""
        return [
            (person["commit"], _vouched(person))
            for person in self._mappings("people")
            if isinstance(person.get("commit"), str)
        ]

    def _mappings(self, key: str) -> list[Mapping[str, Any]]:
        values = self.content.get(key)
        if not isinstance(values, list):
            return []
        return [value for value in values if isinstance(value, dict)]


def _vouched(recorded: Mapping[str, Any]) -> RecordedPeople:
    number, source = recorded.get("pr"), recorded.get("pr_source")
    merged_by, approved_by = recorded.get("merged_by"), recorded.get("approved_by")
    approvers = approved_by if isinstance(approved_by, list) else []
    return RecordedPeople(
        pull_request=number if type(number) is int else None,
        source=source if source in ("api", "message") else None,
        merged_by=merged_by if isinstance(merged_by, str) else None,
        approved_by=tuple(login for login in approvers if isinstance(login, str)),
        participants=tuple(_participants(recorded)),
    )


def _participants(recorded: Mapping[str, Any]) -> Iterator[Participant]:
    accounts = recorded.get("participants")
    if not isinstance(accounts, list):
        return
    from mlflow_gitops.core.gates.change_approvals import Participant

    for account in accounts:
        if not isinstance(account, dict):
            continue
        part, by, by_id = (account.get(key) for key in ("part", "by", "by_id"))
        if part in ("opened", "pushed", "merged") and isinstance(by, str):
            yield Participant(part, by, by_id if type(by_id) is int else None)
