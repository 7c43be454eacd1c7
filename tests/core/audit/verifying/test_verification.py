"""`verify`'s judgement, on values: an account of one model, and what MLflow shows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mlflow_gitops.core.audit.ledger import AppliedRun
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.recorded_model import RecordedModel
from mlflow_gitops.core.audit.verifying.account import Account
from mlflow_gitops.core.audit.verifying.signed_versions import unsigned_versions
from mlflow_gitops.core.audit.verifying.verification import verify_model
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.history.stage_entries import Entry, entries
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.signed_files import SignedFiles
from mlflow_gitops.core.recorded.values import Record, Unreadable
from tests.support.core.one_model import OWNER, make_desired, make_observed, make_version

SHAS = [f"{i:040x}" for i in range(4)]
POLICY = "stages: {Production: {require: {tags: {checked: 'yes'}}, approvals: 1}}"
PASSED = {"Production": {"tags": "passed", "approvals": "passed"}}


class FakeAccount(Account):
    """A line of four commits: commit `i` declares `bodies[i]`, unless that is None."""

    def __init__(
        self, *bodies: str | None, policy: str = "", approvals: int | None = None, base: int = -1
    ) -> None:
        self.name = "m"
        self.positions = {sha: index for index, sha in enumerate(SHAS)}
        self.runs: Sequence[AppliedRun] = ()
        self.tip = None
        self._approvals = approvals
        self._points = [
            Point(Commit(SHAS[i], "", "", f"Commit {i}"), make_desired(body, policy))
            for i, body in enumerate(bodies)
            if body is not None
        ]
        self.points = self._points
        last = self._points[base].commit
        self.base = last

    def entries_at(self, index: int) -> Sequence[Entry]:
        points = self._points_until(index)
        desired = points[-1].desired if points else None
        if desired is None:
            return ()
        holders = [(s, v) for s, versions in desired.manifest.stages.items() for v in versions]
        return tuple(entries(holders, points, lambda commit: (desired.policy,)))

    def making_commit_at(self, index: int) -> str | None:
        points = self._points_until(index)
        commit = points[-1].commit if points else None
        return commit.sha if commit else None

    def declared_at(self, index: int) -> Desired | None:
        points = self._points_until(index)
        return points[-1].desired if points else None

    def people(self, commit: str) -> Sequence[RecordedPeople]:
        return [
            people for run in self.runs for sha, people in run.recorded.vouched() if sha == commit
        ]

    def record(self, version: ObservedVersion) -> Record | None:
        return None

    def approvals(self, commit: Commit, file: str) -> int | None:
        return self._approvals

    def ran(
        self,
        index: int,
        gates: Mapping[str, Mapping[str, str]] | None = None,
        entered: Sequence[Sequence[object]] = (),
        **head: Any,
    ) -> FakeAccount:
        """With a receipt on a commit, of a run that judged version 1 for these stages."""
        judged = [
            {"stage": stage, "version": 1, "gate": gate, "status": status}
            for stage, statuses in (gates or {}).items()
            for gate, status in statuses.items()
        ]
        content = {"model": "m", "result": "applied", "gates": judged, "stages": list(entered)}
        receipt = Receipt(SHAS[index], f"receipt {index}", {"models": [content], **head})
        self.runs = [*self.runs, AppliedRun(index, receipt, RecordedModel(content))]
        return self

    def _points_until(self, index: int) -> list[Point]:
        return [p for p in self._points if p.commit and self.positions[p.commit.sha] <= index]


def stamped(commit: str | None = SHAS[0], **tags: str) -> ObservedModel:
    """Version 1 in Production, with the stamps of a reconcile of that commit."""
    held = {"gitops.held.Production": f"{commit}@2026-01-01T00:00:00Z"}
    version = make_version(1, "Production", tags=held if commit else {})
    stamps = {"gitops_commit": commit, "gitops_owner": OWNER} if commit else {}
    return make_observed(version, **stamps, **tags)


def findings(
    account: Account, observed: ObservedModel, digests: Sequence[str] = ()
) -> list[tuple[str, str]]:
    found = verify_model(account, observed, OWNER, frozenset(digests))
    return [(finding.field, finding.detail) for finding in found]


def test_what_a_run_applied_is_explained() -> None:
    assert findings(FakeAccount("stages: {Production: 1}").ran(0), stamped()) == []


def test_before_the_first_reconcile_only_the_stages_are_unexplained() -> None:
    account = FakeAccount("stages: {Production: 1}")
    observed = make_observed(make_version(1, "Production"), make_version(2, "Archived"))
    assert findings(account, observed) == [
        ("stage Production", "held by 1, and no reconcile has been here yet")
    ]


def test_a_stamp_that_was_taken_away() -> None:
    account = FakeAccount("stages: {Production: 1}").ran(0)
    assert findings(account, stamped(None)) == [
        ("owner", f"the stamp names nothing, this repository is {OWNER}"),
        ("commit", "the receipts say that it was reconciled, and the stamp is gone"),
        ("stage Production", "held by 1, which no stamp explains"),
    ]


def test_a_stamp_that_names_no_commit_of_the_line() -> None:
    account = FakeAccount("stages: {Production: 1}").ran(0)
    account.base = None
    observed = stamped("f" * 40)
    assert findings(account, observed) == [
        ("commit", "the stamp ffffffffffff names no commit of the main line")
    ]


def test_a_stamp_without_a_receipt() -> None:
    fields = [field for field, _ in findings(FakeAccount("stages: {Production: 1}"), stamped())]
    assert fields == ["commit", "held 1 Production"]


def test_a_receipt_on_a_later_commit_about_something_else_counts() -> None:
    account = FakeAccount("stages: {Production: 1}")
    assert findings(account.ran(2), stamped()) == []
    changed = FakeAccount("stages: {Production: 1}", None, "stages: {Production: 1}\ntags: {a: b}")
    changed.base = Commit(SHAS[0], "", "", "")
    changed.points = changed.points[:1]
    assert ("commit", f"no receipt says that it was reconciled to {SHAS[0][:12]}") in findings(
        changed.ran(2), stamped()
    )


def test_a_receipt_that_was_deleted() -> None:
    account = FakeAccount("stages: {Production: 1}").ran(0)
    observed = stamped(gitops_receipt="c" * 64)
    assert findings(account, observed, ["c" * 64]) == []
    assert findings(account, observed) == [
        ("receipt", "the receipt cccccccccccc that MLflow names was deleted or edited")
    ]


@pytest.mark.parametrize(
    ("sha", "detail"),
    [
        ("", "the stamp names nothing, which is no commit of the main line"),
        ("e" * 40, "the stamp names eeeeeeeeeeee, which is no commit of the main line"),
        (SHAS[1], "whose manifest does not put it there"),
        (SHAS[3], "which comes after the commit that the model was reconciled to"),
    ],
)
def test_held_stamps_that_nothing_explains(sha: str, detail: str) -> None:
    account = FakeAccount("stages: {}", "stages: {Staging: 1}", "stages: {Production: 1}").ran(2)
    observed = stamped(SHAS[2])
    version = replace(observed.versions[1], tags={"gitops.held.Production": f"{sha}@now"})
    [(field, text)] = findings(account, replace(observed, versions={1: version}))
    assert field == "held 1 Production" and detail in text


def test_a_holder_without_a_held_stamp() -> None:
    account = FakeAccount("stages: {Production: 1}").ran(0)
    observed = replace(stamped(), versions={1: make_version(1, "Production")})
    assert findings(account, observed) == [
        ("held 1 Production", "holds it without the stamp of a reconcile")
    ]


def test_a_gate_that_no_receipt_shows_as_passed() -> None:
    account = FakeAccount("stages: {Production: 1}", policy=POLICY)
    assert findings(account.ran(0, PASSED), stamped()) == []

    failed = FakeAccount("stages: {Production: 1}", policy=POLICY)
    judged = {"Production": {"tags": "failed", "approvals": "overridden"}}
    assert findings(failed.ran(0, judged), stamped()) == [
        ("gates 1 Production", "no receipt says that it passed tags")
    ]


def test_only_the_run_that_brought_a_version_in_is_asked() -> None:
    bodies = ("stages: {Production: 1}", "stages: {Production: 1}\ntags: {a: b}")
    account = FakeAccount(*bodies, policy=POLICY).ran(0, PASSED).ran(1)
    observed = replace(stamped(), tags={**stamped(SHAS[1]).tags, "a": "b"})
    assert findings(account, observed) == []

    gone_meanwhile = ("stages: {Production: 1}", "stages: {}", "stages: {Production: 1}")
    account = FakeAccount(*gone_meanwhile, policy=POLICY).ran(0, PASSED).ran(1).ran(2)
    assert [field for field, _ in findings(account, stamped(SHAS[2]))] == ["gates 1 Production"]


@pytest.mark.parametrize(
    ("approvals", "judged", "missing"),
    [
        (None, {}, "approvals, tags"),
        (1, {}, "tags"),
        (1, {"tags": "failed", "approvals": "failed"}, "tags"),
        (0, {"tags": "passed", "approvals": "failed"}, "approvals"),
        (None, {"tags": "passed", "approvals": "unknown"}, "approvals"),
    ],
)
def test_a_recovered_receipt_whose_gates_were_not_passed(
    approvals: int | None, judged: dict[str, str], missing: str
) -> None:
    account = FakeAccount("stages: {Production: 1}", policy=POLICY, approvals=approvals)
    found = dict(findings(account.ran(0, {"Production": judged}, recovered=True), stamped()))
    assert found["gates 1 Production"].endswith(f"did not find that it passed {missing}")
    assert "held 1 Production" in found, "nor does it count as having held the stage"


def test_a_recovered_receipt_whose_gates_were_passed() -> None:
    account = FakeAccount("stages: {Production: 1}", policy=POLICY)
    account.ran(0, PASSED, entered=[["Production", 1]], recovered=True)
    assert findings(account, stamped()) == []


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ([["Production", 2]], "2 in Production"),
        ([["Production", 1], ["Staging", 1]], "1 in Staging"),
        ([["@champion", 1]], "1 in @champion"),
    ],
)
def test_a_receipt_that_names_what_its_commit_does_not_declare(
    entered: list[list[Any]], words: str
) -> None:
    account = FakeAccount("stages: {Production: 1}").ran(0, entered=entered)
    [(field, detail)] = findings(account, stamped())
    assert field == "contradicted" and words in detail and "does not declare that" in detail
    archived = FakeAccount("stages: {Production: 1}").ran(0, entered=[["Archived", 7]])
    assert findings(archived, stamped()) == []


def test_drift_and_pins_are_named_by_their_fields() -> None:
    body = (
        "stages: {Production: 1}\ntags: {task: x}\naliases: {champion: 1}\n"
        "versions: {1: {run_id: a, tags: {seen: 'no'}, description: One}}"
    )
    account = FakeAccount(body).ran(0)
    observed = stamped()
    version = replace(observed.versions[1], stage="Staging", run_id="b")
    fields = [field for field, _ in findings(account, replace(observed, versions={1: version}))]
    assert sorted(fields) == [
        "alias champion",
        "description 1",
        "pin 1 run_id",
        "stage Production",
        "tag 1 seen",
        "tag task",
    ]


def test_a_deleted_manifest_means_every_stage_empty() -> None:
    account = FakeAccount("stages: {Production: 1}")
    account.points = [*account.points, Point(Commit(SHAS[1], "", "", "Delete"), None)]
    account.base = account.points[-1].commit
    assert account.desired is not None and account.desired.holders("Production") == ()
    assert account.desired_at(0) is not None and account.desired_at(1) is None
    assert account.desired_at(-1) is None


# -- signatures of files ---------------------------------------------------------------------------

FILES = "sha256:" + "a" * 64
SIGNED = "stages: {Production: {require: {signed: {keys: keys/}}}}"
PINNED = f'stages: {{Production: 1}}\nversions: {{1: {{digest: "{FILES}"}}}}'


def unsigned(
    signed: SignedFiles | Unreadable,
    body: str = PINNED,
    policy: str = SIGNED,
    gates: Mapping[str, Mapping[str, str]] | None = None,
) -> list[tuple[str, str]]:
    asked: list[object] = []

    def signed_by(names: Sequence[str], version: int, keys: str) -> SignedFiles:
        asked.append((tuple(names), version, keys))
        if isinstance(signed, Unreadable):
            raise signed
        return signed

    account = FakeAccount(body, policy=policy).ran(0, gates)
    found = list(unsigned_versions(account, stamped(), signed_by))
    assert asked in ([], [(("m",), 1, "keys")])
    return [(finding.field, finding.detail) for finding in found]


def test_signed_files_are_explained() -> None:
    assert unsigned(SignedFiles("alice.pub", FILES)) == []
    no_policy = "stages: {Production: {protected: true}}"
    assert unsigned(SignedFiles(fault="nobody asks"), policy=no_policy) == []
    overridden = {"Production": {"signed": "overridden"}}
    assert unsigned(SignedFiles(fault="not yet"), gates=overridden) == []


@pytest.mark.parametrize(
    ("signed", "body", "detail"),
    [
        (SignedFiles(fault="there is no 1.sig"), PINNED, "are not signed: there is no 1.sig"),
        (SignedFiles("a.pub", "sha256:" + "b" * 64), PINNED, "by a.pub is of other files than"),
        (SignedFiles("a.pub", FILES), "stages: {Production: 1}", "no digest of its files is"),
        (Unreadable("the extra is missing"), PINNED, "are not signed: the extra is missing"),
    ],
)
def test_served_files_that_are_not_signed(
    signed: SignedFiles | Unreadable, body: str, detail: str
) -> None:
    passed = {"Production": {"signed": "passed"}}
    [(field, found)] = unsigned(signed, body, gates=passed)
    assert field == "signed 1" and detail in found and found.startswith("1 holds Production, and ")
