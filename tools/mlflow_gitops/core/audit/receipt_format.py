"""The format of a receipt (RULES R6): a JSON file, written by `receipt_text`, read by
`core/audit/recorded_model.py`.


It holds `at`, `schema` (the version of this format), `count` (how many receipts of this environment
there are with it), `owner`, `registry`, `workspace`, `by`, `run`, `policy` (the blob id of the
policy at its commit), `models`, `commit`, `previous` (the digest of the receipt before it) and, if
a later run had to write it, `recovered`. Formats before 3 were one compact line in a git note, and
had no `count`, `run`, `policy`, `facts` and `files`. Format 1 had no `schema`, and called
`already_applied` `found`. All are still read: receipts are never rewritten, since their digests are
stamped in MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.history.people import RecordedPeople

if TYPE_CHECKING:  # `log` only reads receipts: it does not load plans and their outcomes
    from mlflow_gitops.core.gates.change_approvals import CountedReview, Participant
    from mlflow_gitops.core.plan.outcome import Outcome
    from mlflow_gitops.core.plan.plan import Change
    from mlflow_gitops.core.verdicts.verdict import Verdict

RECEIPT_SCHEMA = 3


def receipt_text(content: Mapping[str, Any], previous: str | None) -> str:
    """The text of a receipt's file: indented, so that people can read it, and ended by a line feed.
    `previous` is the digest of the receipt before it."""
    ordered = {
        "at": content["at"],
        "schema": RECEIPT_SCHEMA,
        **content,
        "previous": previous,
    }
    return json.dumps(ordered, ensure_ascii=True, indent=2) + "\n"


def recorded_outcome(
    outcome: Outcome,
    *,
    is_base_recorded: bool = True,
    flaw: Mapping[str, str] | None = None,
    health: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What a receipt holds about one model that a run came to. Empty parts are left out. If not
    `is_base_recorded`, no receipt explains the state that the run began from; `flaw` is what the
    run found wrong with the model's record (`core/audit/record/flaws.py`); `health` is how the
    versions did that it took out of a stage."""
    parts: dict[str, Any] = {
        "changes": _recorded_changes(outcome.changes),
        "already_applied": _recorded_changes(outcome.already_applied),
        "stages": [list(entry) for entry in outcome.entered],
        **_recorded_verdicts(outcome.gates),
        "people": [_recorded_people(sha, vouched) for sha, vouched in outcome.people.items()],
        "files": list(_recorded_files(outcome)),
        "health": [dict(verdict) for verdict in health],
        "refusals": [
            {"code": refusal.code, "detail": refusal.detail} for refusal in outcome.refusals
        ],
        "error": outcome.error,
        "base_unrecorded": not is_base_recorded,
        "flaws": [dict(flaw)] if flaw else [],
        "registered": outcome.registered,
    }
    filled = {key: part for key, part in parts.items() if part}
    return {"model": outcome.model, "result": outcome.result, **filled}


def _recorded_files(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """The versions whose files were compared, with the list behind each digest, so that a later
    mismatch can name the files."""
    from mlflow_gitops.core.recorded.file_lists import MOST_KEPT, stored_list

    lists = {files.digest: files for files in outcome.files if len(files.files) <= MOST_KEPT}
    for version, digest in outcome.compared_files.items():
        entry: dict[str, Any] = {"version": version, "digest": digest}
        if digest in lists:
            entry["list"] = stored_list(lists[digest])
        yield entry


@dataclass(frozen=True, slots=True)
class RecoveredWork:
    """What a run found that no receipt records: the changes that git asks for and MLflow shows, the
    verdicts of the gates now, the (stage, version) that none of them objects to, the people behind
    the making commits, and when MLflow registered the model."""

    changes: Sequence[Change] = ()
    gates: Sequence[Verdict] = ()
    entered: Sequence[tuple[str, int]] = ()
    people: Mapping[str, RecordedPeople] = field(default_factory=dict)
    registered: str | None = None

    @property
    def objections(self) -> list[Verdict]:
        """The verdicts of gates that were not passed."""
        return [verdict for verdict in self.gates if not verdict.is_passing]


def recovered_outcome(
    model: str, work: RecoveredWork, flaw: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a recovered receipt holds about one model: that an earlier run applied it, the changes
    of that run which MLflow shows, how the gates judge them now, and what else is wrong with the
    model's record."""
    parts: dict[str, Any] = {
        "already_applied": _recorded_changes(work.changes),
        "stages": [list(entry) for entry in work.entered],
        **_recorded_verdicts(work.gates),
        "people": [_recorded_people(sha, vouched) for sha, vouched in work.people.items()],
        "flaws": [dict(flaw)] if flaw else [],
        "registered": work.registered,
    }
    filled = {key: part for key, part in parts.items() if part}
    return {"model": model, "result": "applied", **filled}


def _recorded_changes(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Without what has no value, and without `applies`: only what was applied is recorded."""
    from mlflow_gitops.core.plan.stored import stored_change

    return [
        {
            key: value
            for key, value in stored_change(change).items()
            if value is not None and key != "applies"
        }
        for change in changes
    ]


def _recorded_verdicts(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Each verdict with the values that it judged, and the policies that judged any of them."""
    from mlflow_gitops.core.plan.stored import stored_verdict

    gates = [
        {**stored_verdict(verdict), **({"facts": dict(verdict.facts)} if verdict.facts else {})}
        for verdict in verdicts
    ]
    policies = {blob: None for verdict in verdicts for blob in verdict.policies}
    return {"gates": gates, "policies": list(policies)}


def _recorded_people(sha: str, vouched: RecordedPeople) -> dict[str, Any]:
    reviews = [_without_none(review) for review in vouched.reviews]
    participants = [_without_none(account) for account in vouched.participants]
    return {
        "commit": sha,
        "pr": vouched.pull_request,
        "pr_source": vouched.source,
        "merged_by": vouched.merged_by,
        "approved_by": list(vouched.approved_by),
        **({"participants": participants} if participants else {}),
        **({"reviews": reviews} if reviews else {}),
    }


def _without_none(person: CountedReview | Participant) -> dict[str, Any]:
    """Without what the forge does not know."""
    return {key: value for key, value in asdict(person).items() if value is not None}
