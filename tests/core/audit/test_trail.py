"""When an event took effect (RULES R6), and what of a message took a gate's place."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.trail import Effect, EventAuditor, UsedOverride
from mlflow_gitops.core.history.mainline import Commit, MainLine, Merged
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "40"))
LENGTH = 8
OWNER = "root:registry"


def commit(i: int, message: str = "Change") -> Commit:
    return Commit(
        f"{i:040x}",
        f"2026-01-01T00:00:{i:02}Z",
        "A <a@example.org>",
        "Change",
        "A <a@example.org>",
        message,
    )


COMMITS = [commit(i) for i in range(LENGTH)]
LINE = MainLine(
    [one.sha for one in COMMITS], [], {one.sha: one for one in COMMITS}, list(range(LENGTH))
)


def receipt(i: int, at: int, result: str, owner: str = OWNER, model: str = "alpha") -> Receipt:
    content = {
        "at": f"2026-02-01T00:00:{at:02}Z",
        "owner": owner,
        "models": [{"model": model, "result": result}],
    }
    return Receipt(COMMITS[i].sha, str(content), content)


def effects(events: Sequence[Event], receipts: Sequence[Receipt]) -> list[Effect | None]:
    ledger = Ledger(receipts, LINE.index, OWNER)
    auditor = EventAuditor(
        LINE,
        RegistryFolder("registry"),
        events,
        ledger,
        {},
        lambda made, name: Policy().for_model(name),
    )
    return [auditor.audit(event).effect for event in events]


def slowly(event: Event, events: Sequence[Event], runs: Sequence[Receipt]) -> Effect | None:
    """Walk the line from the event's commit on: does a run come first, or another change of the
    stage? `runs` are in the order of their chain, whatever their clocks said."""
    undone: Effect | None = None
    for i in range(event.index, LENGTH):
        for later_event in events:
            if (
                undone is None
                and later_event.index == i > event.index
                and later_event.stage == event.stage
            ):
                undone = Effect(later_event.commit.at, "superseded")
        times_here = [run.at for run in runs if run.commit == COMMITS[i].sha]
        if times_here:
            return undone or Effect(times_here[0], "applied")
    return None


@given(
    st.lists(
        st.tuples(st.integers(0, LENGTH - 1), st.sampled_from(["Production", "Staging"])),
        unique=True,
        max_size=8,
    ),
    st.lists(
        st.tuples(
            st.integers(0, LENGTH - 1),
            st.integers(0, 59),
            st.sampled_from(["applied", "applied", "refused", "failed", "unchanged", "deferred"]),
            st.sampled_from([OWNER, OWNER, OWNER, "root:registry:test"]),
            st.sampled_from(["alpha", "alpha", "beta"]),
        ),
        max_size=6,
    ),
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_first_run_that_applied_it_before_it_was_undone(
    at: list[tuple[int, str]], ran: list[tuple[int, int, str, str, str]]
) -> None:
    events = [
        Event("stage", i, COMMITS[i], "alpha", stage, (), (i + 1,), "alpha")
        for i, stage in sorted(at)
    ]
    receipts = [receipt(*run) for run in ran]
    counting = [
        run
        for run in receipts
        if run.content["owner"] == OWNER
        and run.content["models"] == [{"model": "alpha", "result": "applied"}]
    ]
    assert effects(events, receipts) == [slowly(event, events, counting) for event in events]


def test_a_receipt_beside_the_line_proves_nothing() -> None:
    event = Event("stage", 0, COMMITS[0], "alpha", "Production", (), (1,), "alpha")
    beside = receipt(0, 1, "applied")
    assert effects([event], [Receipt("f" * 40, beside.text, beside.content)]) == [None]
    assert effects([event], [beside]) == [Effect(beside.at, "applied")]


POLICY = b"""\
stages: {Production: {soak: 1h, from: [Staging], require: {pinned: true}}}
overrides: [soak, metrics]
"""


def test_only_what_could_take_a_gates_place_is_told() -> None:
    policy, problems = read_policy(POLICY, "policy.yaml")
    assert policy is not None, problems
    message = (
        "Promote\n\nGate-Override: pinned: not allowed\n* Gate-Override: soak:"
        " INC-42\nGate-Override: soak: again\nGate-Override: metrics: no such gate"
        " here\nGate-Override: alpha/Staging soak: elsewhere\nGate-Override: soak:\n"
    )
    merge = commit(3, message)
    side = commit(
        9,
        "Gate-Override: beta/Production soak: not ours\nGate-Override: alpha/Production soak: late",
    )
    line = MainLine(LINE.shas, [], LINE.commits, LINE.times, {3: (side.sha,)})
    merged = {3: [Merged(side, ("registry/models/alpha.yaml",))]}

    def told(event: Event) -> tuple[UsedOverride, ...]:
        auditor = EventAuditor(
            line,
            RegistryFolder("registry"),
            [event],
            Ledger([], line.index, OWNER),
            merged,
            lambda *_: policy.for_model("alpha"),
        )
        return auditor.audit(event).overrides

    assert told(Event("stage", 3, merge, "alpha", "Production", (), (1,), "alpha")) == (
        UsedOverride("soak", "INC-42", "message"),
    )
    assert told(Event("stage", 3, commit(3), "alpha", "Production", (), (1,), "alpha")) == (
        UsedOverride("soak", "late", "message"),
    )
    assert told(Event("stage", 3, commit(3), "gamma", "Production", (), (1,), "gamma")) == ()
    assert told(Event("stage", 3, merge, "alpha", "Production", (1,), (), "alpha")) == (), (
        "an exit is not judged"
    )
    assert told(Event("stage", 3, merge, "alpha", "@best", (), (1,), "alpha")) == ()


def judged(i: int, *gates: tuple[str, int, str, str], result: str = "applied") -> Receipt:
    """A receipt with verdicts, each a stage, a version, a gate and a status."""
    keys = ("stage", "version", "gate", "status")
    model = {
        "model": "alpha",
        "result": result,
        "gates": [dict(zip(keys, gate, strict=True)) for gate in gates],
    }
    content = {"at": "2026-02-01T00:00:00Z", "owner": OWNER, "models": [model]}
    return Receipt(COMMITS[i].sha, str(content), content)


COUNTED, STATED = UsedOverride("soak", "INC-42"), UsedOverride("soak", "INC-42", "message")


@pytest.mark.parametrize(
    ("receipts", "overrides"),
    [
        ([judged(3, ("Production", 1, "soak", "overridden"))], (COUNTED,)),
        ([judged(5, ("Production", 1, "soak", "overridden"))], (COUNTED,)),
        ([judged(3, ("Production", 1, "soak", "passed"))], ()),
        ([judged(3, ("Production", 1, "soak", "exempt"))], ()),
        (
            [
                judged(3, ("Production", 1, "soak", "waiting"), result="refused"),
                judged(5, ("Production", 1, "soak", "passed")),
            ],
            (),
        ),
        ([], (STATED,)),
        ([judged(3)], (STATED,)),
        ([judged(2, ("Production", 1, "soak", "passed"))], (STATED,)),
        ([judged(3, ("Production", 1, "soak", "passed"), result="failed")], (STATED,)),
        ([judged(3, ("Production", 2, "soak", "passed"))], (STATED,)),
        ([judged(3, ("Staging", 1, "soak", "passed"))], (STATED,)),
        ([judged(7, ("Production", 1, "soak", "overridden"))], (STATED,)),
    ],
)
def test_an_override_counted_if_the_receipt_says_so(
    receipts: list[Receipt], overrides: tuple[UsedOverride, ...]
) -> None:
    """A gate may have passed by itself before the run; then the line replaced nothing. A line of
    which no receipt of this change speaks is a claim."""
    policy, _ = read_policy(POLICY, "policy.yaml")
    assert policy is not None
    made = commit(3, "Promote\n\nGate-Override: soak: INC-42\n")
    event = Event("stage", 3, made, "alpha", "Production", (), (1,), "alpha")
    left = Event("stage", 6, commit(6), "alpha", "Production", (1,), (), "alpha")
    auditor = EventAuditor(
        LINE,
        RegistryFolder("registry"),
        [event, left],
        Ledger(receipts, LINE.index, OWNER),
        {},
        lambda *_: policy.for_model("alpha"),
    )
    assert auditor.audit(event).overrides == overrides
