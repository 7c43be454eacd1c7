"""Every gate of every entry, asked by the policy before its making commit; what that stops, and
what an override lets by (RULES R3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from mlflow_gitops.core.gates import Finding, Gate
from mlflow_gitops.core.gates.change_approvals import Approvals
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.history.tenures import ReconciledHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.values import (
    Dataset,
    Metric,
    ModelFile,
    Record,
    Signature,
    Unreadable,
)
from mlflow_gitops.core.verdicts.judge_entries import EntryVerdicts, judge_entries
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from tests.support.core.evidence import FakeEvidence
from tests.support.core.subjects import NOW, commit
from tests.support.core.tenures import held

BASE, MADE = commit("2026-03-01T00:00:00Z", 1), commit("2026-03-09T11:00:00Z", 2)
FILE = "registry/models/fraud.yaml"
DAY = "2026-03-09T12:00:00Z"
TAGGED = "require: {tags: {validation: passed}}"
MISSING = "tag validation is missing"
UNKNOWN_FILES = (
    "accuracy of 14 is missing: it has neither run nor logged model; register it from its run"
    " (mlflow.register_model('runs:/RUN_ID/PATH', NAME))"
)


def policy_of(text: str) -> Policy:
    policy, problems = read_policy(text.encode(), "registry/policy.yaml")
    assert policy is not None, problems
    return policy


def wanted(stages: str, policy: Policy) -> Desired:
    manifest, document = read_manifest(f"name: fraud\nstages: {stages}\n".encode(), FILE)
    assert manifest is not None, document.problems
    return Desired(manifest, policy.for_model("fraud"))


def case(
    rules: str = "",
    *,
    asks: str = "",
    stage: str = "Production",
    before: str | None = "{Production: 12}",
    after: str = "{Production: 14}",
    made: Commit | None = MADE,
    stays: Mapping[str, Commit | None] | None = None,
    versions: tuple[int, ...] = (14,),
) -> ModelHistory:
    """Version 14 coming to hold a stage; `before` is what the base wanted, None where there is no
    base."""
    policy = policy_of(f"stages: {{{stage}: {{{asks}}}}}\n{rules}" if asks else rules or "{}")
    points = [Point(BASE, wanted(before, policy))] if before is not None else []
    points.append(Point(made, wanted(after, policy)))
    entries = tuple(
        Entry(stage, version, made, policy.for_model("fraud"), stays or {}) for version in versions
    )
    if before is None:
        return ModelHistory(None, "none", tuple(points), entries)
    return ModelHistory(BASE.sha, "known", tuple(points), entries)


def seen(*versions: ObservedVersion | int, aliases: dict[str, int] | None = None) -> ObservedModel:
    known = [ObservedVersion(v) if isinstance(v, int) else v for v in (*versions, 12, 14)]
    found: dict[int, ObservedVersion] = {}
    for version in known:
        found.setdefault(version.number, version)
    return ObservedModel("fraud", aliases=aliases or {}, versions=found)


def asked(
    history: ModelHistory,
    model: ObservedModel | None = None,
    *,
    writing: bool = False,
    **evidence: Any,
) -> EntryVerdicts:
    return judge_entries(history, model or seen(), FakeEvidence(**evidence), NOW, writing=writing)


def told(judgement: EntryVerdicts) -> list[tuple[str, str, str]]:
    return [(verdict.gate, verdict.status, verdict.detail) for verdict in judgement.verdicts]


def test_a_prompt_has_nothing_for_some_gates_to_judge() -> None:
    """They fail, and those beside them are asked as ever."""
    asks = (
        "require: {status: READY, metrics: {accuracy: {min: 1}}, signature: compatible, tags:"
        " {validation: passed}}"
    )
    judgement = asked(case(asks=asks), replace(seen(), is_prompt=True))
    said = "a prompt has nothing for {} to judge; an exception of the policy can take it away"
    assert told(judgement) == [
        ("status", "passed", "status READY"),
        ("tags", "failed", MISSING),
        ("metrics", "failed", said.format("metrics")),
        ("signature", "failed", said.format("signature")),
    ]


# -- who is judged, by whom ------------------------------------------------------------------------


def test_a_verdict_names_its_entry_and_a_refusal_the_way_past() -> None:
    judgement = asked(case(asks=TAGGED))
    assert judgement.verdicts == (Verdict("Production", 14, "tags", "failed", MISSING),)
    assert judgement.refusals == (
        Refusal(
            "gate",
            "14 may not enter Production: tag validation is missing",
            "meet the gate; the policy does not allow overriding tags",
            "commit",
            version=14,
        ),
    )
    assert judgement.deferred is None and judgement.notes == ()


def test_where_nothing_is_asked_nothing_is_judged() -> None:
    assert asked(case()) == EntryVerdicts()
    assert asked(replace(case(asks=TAGGED), entries=())) == EntryVerdicts()


def test_each_entry_is_judged_whatever_the_one_before_it_was() -> None:
    """An entry that is asked nothing ends nobody else's judgement. A stage that the judge does not
    have is refused."""
    history = case(asks=TAGGED)
    entry = history.entries[0]
    others = (
        replace(entry, stage="Unheard"),
        replace(entry, stage="Staging"),
        entry,
        replace(entry, version=12),
    )
    judgement = asked(replace(history, entries=others))
    assert [(v.stage, v.version) for v in judgement.verdicts] == [
        ("Production", 14),
        ("Production", 12),
    ]
    assert [(refusal.version, refusal.field) for refusal in judgement.refusals] == [
        (14, "Unheard"),
        (14, None),
        (12, None),
    ]


def test_the_entrys_own_judge_judges_not_the_target() -> None:
    loosened, strict = case(), case(asks=TAGGED)
    history = replace(loosened, entries=strict.entries)
    assert told(asked(history)) == [("tags", "failed", MISSING)]
    assert told(asked(replace(strict, entries=loosened.entries))) == []


@pytest.mark.parametrize(
    ("newest", "is_hinted"),
    [("", True), (TAGGED, False), ("require: {tags: {validation: other}}", True)],
)
def test_a_refusal_says_that_an_earlier_policy_asks(newest: str, is_hinted: bool) -> None:
    strict = case(asks=TAGGED)
    [entry] = strict.entries
    judge = replace(entry.judge, commit="0123456789abcdef")
    loosened = replace(case(asks=newest), entries=(replace(entry, judge=judge),))
    [refusal] = asked(loosened).refusals
    hint = "the policy of 0123456 asks this, and not the newest one"
    assert (hint in refusal.way_out) == is_hinted


def test_what_mlflow_shows_already_without_a_base_is_adopted() -> None:
    there = ObservedVersion(14, "Production")
    history = case(asks=TAGGED, before=None)
    adopted = asked(history, seen(there))
    assert told(adopted) == [("tags", "exempt", "adopted: MLflow shows it already")]
    assert not adopted.refusals
    assert told(asked(history)) == [("tags", "failed", MISSING)], "it is not there yet"
    assert told(asked(case(asks=TAGGED), seen(there))) == [("tags", "failed", MISSING)], (
        "a click is still judged"
    )


def test_an_adoption_needs_its_approvals() -> None:
    there = ObservedVersion(14, "Production")
    history = case(asks=f"approvals: 1, {TAGGED}", before=None)
    for approved, status in ((Approvals(("@bob",)), "passed"), (Approvals(), "failed")):
        judgement = asked(
            history, seen(there), approvals=lambda made, file, given=approved: given, writing=True
        )
        assert [(gate, status) for gate, status, _ in told(judgement)] == [
            ("approvals", status),
            ("tags", "exempt"),
        ]
        assert bool(judgement.refusals) == (status == "failed")


@pytest.mark.parametrize("first", ["{}", "{Production: 12}", "{Staging: 14}"])
def test_only_the_commit_that_first_declares_the_model_adopts(first: str) -> None:
    """A later one that puts into a stage what somebody clicked there is judged."""
    there = seen(ObservedVersion(14, "Production"))
    history = case(asks=TAGGED, before=None)
    earlier = Point(BASE, wanted(first, policy_of("{}")))
    later = replace(history, points=(earlier, *history.points))
    assert told(asked(later, there)) == [("tags", "failed", MISSING)]
    known = asked(later, there, reconciles=held(("Production", 14, DAY)))
    assert told(known)[0][1] == "exempt", "a receipt says that it holds the stage: adopted anew"


@pytest.mark.parametrize("where", ["target", "base", "between"])
def test_a_tag_that_the_manifest_declares_does_not_count(where: str) -> None:
    """Else the author of the manifest could state that the version was validated."""
    body = b"name: fraud\nstages: {Production: 12}\nversions: {14: {tags: {validation: passed}}}\n"
    manifest, _ = read_manifest(body, FILE)
    assert manifest is not None
    history = case(asks=TAGGED)
    base, target = history.points
    assert base.desired is not None and target.desired is not None
    declaring = Point(BASE, replace(base.desired, manifest=manifest))
    versions = replace(target.desired.manifest, versions=manifest.versions)
    points = {
        "target": (base, Point(MADE, replace(target.desired, manifest=versions))),
        "base": (declaring, target),
        "between": (base, declaring, target),
    }[where]
    fit = seen(ObservedVersion(14, tags={"validation": "passed"}))
    assert told(asked(history, fit))[0][1] == "passed"
    judgement = asked(replace(history, points=points), fit)
    assert told(judgement)[0][1] == "failed"
    assert "is declared by the manifest itself" in told(judgement)[0][2]


def test_a_stage_of_the_teams_own_is_shown_by_its_alias() -> None:
    asks = f"alias: canary, native: false, {TAGGED}"
    history = case(asks=asks, stage="Canary", before=None, after="{Canary: 14}")
    assert told(asked(history, seen(aliases={"canary": 14})))[0][1] == "exempt"
    for aliases in ({}, {"canary": 12}, {"other": 14}):
        assert told(asked(history, seen(aliases=aliases)))[0][1] == "failed"


ALL = (
    "from: [Staging], soak: 1h, approvals: 1, require: {status: READY, pinned: true, tags:"
    " {validation: passed}, metrics: {accuracy: {min: 0.9}}, no_worse_than: {stage: Production,"
    " metrics: {accuracy: {}}}, signature: compatible, max_size: 2MB}"
)


def test_every_gate_is_asked_in_the_order_of_the_plan() -> None:
    judgement = asked(case(asks=ALL))
    assert told(judgement) == [
        ("from", "failed", "14 was not in Staging before"),
        ("soak", "failed", "14 has not begun to soak in Staging (soak 1h)"),
        (
            "approvals",
            "unknown",
            (
                "who approved 0000000 cannot be read: the forge is not configured, and"
                " mlflow-gitops doctor shows what is missing"
            ),
        ),
        ("status", "passed", "status READY"),
        ("pinned", "failed", "14 is not pinned: mlflow-gitops pin fraud 14"),
        ("tags", "failed", MISSING),
        ("metrics", "failed", UNKNOWN_FILES),
        (
            "no_worse_than",
            "failed",
            UNKNOWN_FILES,
        ),
        ("signature", "failed", "14 has no signature to compare"),
        ("max_size", "failed", "the size of 14 is unknown: it has no file MLmodel"),
    ]
    [refusal] = judgement.refusals
    assert refusal.detail == "14 may not enter Production: " + "; ".join(
        detail for _, status, detail in told(judgement) if status != "passed"
    )
    assert refusal.way_out == (
        "meet the gates; the policy does not allow overriding from, soak, approvals, pinned,"
        " tags, metrics, no_worse_than, signature or max_size"
    )


def test_every_gate_passes_on_what_the_evidence_gives_of_this_entry() -> None:
    asked_of: list[tuple[object, ...]] = []
    data = Dataset("holdout", "d1")
    takes = Signature(inputs=({"type": "long", "name": "x"},))

    def read(version: ObservedVersion) -> Record:
        asked_of.append(("read", version.number))
        return Record(metrics={"accuracy": (Metric(0.9 + version.number / 1000, dataset=data),)})

    def read_file(model: str, version: ObservedVersion) -> ModelFile:
        asked_of.append(("read_file", model, version.number))
        return ModelFile(signature=takes, size=1_900_000)

    def approvals(made: Commit, file: str) -> Approvals:
        asked_of.append(("approvals", made.sha, file))
        return Approvals(("@one",), (), 7)

    fit = ObservedVersion(14, tags={"validation": "passed"})
    history = case(asks=ALL, stays={"Staging": BASE})
    target = history.target
    assert target is not None
    manifest, _ = read_manifest(
        b"name: fraud\nstages: {Production: 14}\nversions: {14: {run_id:"
        b" 0f3c5a7e9b1d42c68e0a2f4b6d8c1e35}}\n",
        FILE,
    )
    assert manifest is not None
    history = replace(
        history, points=(history.points[0], Point(MADE, replace(target, manifest=manifest)))
    )
    judgement = asked(
        history,
        seen(fit),
        read=read,
        read_file=read_file,
        approvals=approvals,
        reconciles=held(("Staging", 14, DAY)),
    )
    assert told(judgement) == [
        ("from", "passed", "from Staging"),
        ("soak", "passed", "24 h in Staging (soak 1h)"),
        ("approvals", "passed", "approved by @one"),
        ("status", "passed", "status READY"),
        ("pinned", "passed", "pinned"),
        ("tags", "passed", "tag validation is passed"),
        ("metrics", "passed", "accuracy 0.914 ≥ 0.9"),
        ("no_worse_than", "passed", "accuracy no worse than 12 (+0.002)"),
        ("signature", "passed", "signature compatible with 12"),
        ("max_size", "passed", "size 1.9 MB ≤ 2MB"),
    ]
    assert not judgement.refusals and not judgement.notes
    assert ("approvals", MADE.sha, FILE) in asked_of
    assert {one for one in asked_of if one[0] == "read_file"} == {
        ("read_file", "fraud", 14),
        ("read_file", "fraud", 12),
    }


# -- with whom it is compared ----------------------------------------------------------------------

COMPARED = "require: {no_worse_than: {stage: Production, metrics: {accuracy: {same_data: false}}}}"


def compared(history: ModelHistory, model: ObservedModel) -> list[int]:
    """The versions whose metrics are read beside those of 14."""
    read: list[int] = []

    def record(version: ObservedVersion) -> Record:
        read.append(version.number)
        return Record(metrics={"accuracy": (Metric(0.9),)})

    asked(history, model, read=record)
    return [number for number in read if number != 14]


@pytest.mark.parametrize(
    ("before", "model", "with_whom"),
    [
        (
            "{Production: 12}",
            seen(ObservedVersion(12, "Archived"), ObservedVersion(13, "Production")),
            [12],
        ),
        ("{Production: [11, 12]}", seen(11), [12]),
        ("{Staging: 12}", seen(ObservedVersion(13, "Production")), []),
        (None, seen(ObservedVersion(12, "Archived"), ObservedVersion(13, "Production")), [13]),
        (None, seen(ObservedVersion(12, "Production"), ObservedVersion(13, "Production")), [13]),
        (None, seen(), []),
    ],
)
def test_the_holder_is_gits_and_without_a_base_mlflows(
    before: str | None, model: ObservedModel, with_whom: list[int]
) -> None:
    """A click in MLflow must not change with whom one is compared; of several holders the served
    one counts."""
    assert compared(case(asks=COMPARED, before=before), model) == with_whom


def test_a_base_without_a_manifest_had_no_holder() -> None:
    history = case(asks=COMPARED)
    history = replace(history, points=(Point(BASE, None), history.points[1]))
    assert compared(history, seen(ObservedVersion(12, "Production"))) == []


# -- what is missing, waits or cannot be read ------------------------------------------------------


def test_what_cannot_be_read_is_unknown_and_stops() -> None:
    def read(version: ObservedVersion) -> Record:
        raise Unreadable("403 Forbidden")

    judgement = asked(
        case(asks="require: {pinned: true, metrics: {accuracy: {min: 0.9}}, status: READY}"),
        read=read,
    )
    assert told(judgement)[-1] == ("metrics", "unknown", "metrics cannot be judged: 403 Forbidden")
    assert [gate for gate, _, _ in told(judgement)] == [
        "status",
        "pinned",
        "metrics",
    ], "the others are judged"
    assert "metrics cannot be judged" in judgement.refusals[0].detail


def test_a_soak_that_still_runs_defers_and_refuses_nothing() -> None:
    history = case(asks="from: [Staging], soak: 3d", stays={"Staging": BASE})
    for writing in (False, True):
        judgement = asked(history, writing=writing, reconciles=held(("Staging", 14, DAY)))
        assert judgement.refusals == () and judgement.deferred == "2026-03-12T12:00:00Z"
        assert judgement.verdicts[1].until == "2026-03-12T12:00:00Z"


def test_the_longest_of_several_waits_defers() -> None:
    history = case(asks="from: [Staging], soak: 3d", stays={"Staging": BASE}, versions=(14, 12, 13))
    later = "2026-03-10T00:00:00Z"
    stays = held(("Staging", 14, DAY), ("Staging", 12, later), ("Staging", 13, DAY))
    assert asked(history, seen(13), reconciles=stays).deferred == "2026-03-13T00:00:00Z"


def test_approvals_wait_for_the_merge_and_refuse_what_is_written() -> None:
    history = case(asks="approvals: 2")
    shown = asked(history, merged=lambda made: False)
    assert shown.verdicts == (
        Verdict(
            "Production",
            14,
            "approvals",
            "waiting",
            "needs 2 approvals of the pull request",
            needs="2 approvals",
        ),
    )
    assert not shown.refusals and shown.deferred is None
    written = asked(history, merged=lambda made: False, writing=True)
    assert "needs 2 approvals" in written.refusals[0].detail


def test_of_what_is_not_committed_nobody_is_asked() -> None:
    def never(*about: object) -> Any:
        raise AssertionError("there is no commit to ask about")

    history = case(asks="approvals: 1", made=None)
    judgement = asked(history, approvals=never, claims=never, merged=never, messages=never)
    assert told(judgement) == [("approvals", "waiting", "needs 1 approval of the pull request")]
    believed = case(asks="approvals: {count: 1, from: message}", made=None)
    judgement = asked(believed, approvals=never, claims=never, merged=never, messages=never)
    assert told(judgement) == [("approvals", "waiting", "needs 1 approval of the pull request")]


def test_messages_are_believed_where_the_policy_says_so() -> None:
    def claims(made: Commit) -> Approvals:
        assert made is MADE
        return Approvals(("B <b@example.org>",))

    judgement = asked(case(asks="approvals: {count: 1, from: message}"), claims=claims)
    assert told(judgement)[0][1:] == (
        "passed",
        "claimed in the message: approved by B <b@example.org>",
    )


# -- rollbacks -------------------------------------------------------------------------------------


def returning(asks: str) -> ModelHistory:
    """Version 14 coming back to Production, where git had it before the base."""
    history = case(asks=asks)
    return replace(history, earlier_points=(Point(BASE, history.points[-1].desired),))


HELD_BEFORE = held(("Production", 14, DAY))


def test_a_rollback_is_exempt_from_what_would_trap_it_and_from_nothing_else() -> None:
    judgement = asked(returning(ALL), reconciles=HELD_BEFORE)
    exempt = {gate for gate, status, detail in told(judgement) if status == "exempt"}
    assert exempt == {"from", "soak", "no_worse_than", "signature"}
    assert ("from", "exempt", "rollback: 14 held Production before") in told(judgement)
    assert {gate for gate, status, _ in told(judgement) if status in ("failed", "unknown")} == {
        "approvals", "pinned", "tags", "metrics", "max_size",
    }  # fmt: skip
    assert not judgement.notes


@pytest.mark.parametrize(
    "reconciles",
    [held(), held(("Staging", 14, DAY)), held(("Production", 12, DAY))],
    ids=["no receipts", "another stage", "another version"],
)
def test_a_tag_makes_no_rollback(reconciles: Callable[[str], ReconciledHistory]) -> None:
    forged = ObservedVersion(14, tags={"gitops.held.Production": f"{BASE.sha}@{DAY}"})
    judgement = asked(returning(ALL), seen(forged), reconciles=reconciles)
    assert "exempt" not in {status for _, status, _ in told(judgement)}
    assert judgement.notes == (
        "no receipt here says that a reconcile ever put 14 in Production; it is judged like a new"
        " version",
    )


@pytest.mark.parametrize("created", ["2026-09-09T00:00:00Z", "2027-01-01T00:00:00Z"])
def test_a_version_that_was_registered_after_the_receipt_makes_no_rollback(created: str) -> None:
    """Its model was deleted and made again, or has the former name of another."""
    made_again = ObservedVersion(14, created=created)
    judgement = asked(returning(ALL), seen(made_again), reconciles=HELD_BEFORE)
    assert "exempt" not in {status for _, status, _ in told(judgement)}
    before = ObservedVersion(14, created="2020-01-01T00:00:00Z")
    rollback = asked(returning(ALL), seen(before), reconciles=HELD_BEFORE)
    assert "exempt" in {status for _, status, _ in told(rollback)}


def test_what_git_never_put_in_the_stage_is_no_rollback_whatever_receipts_say() -> None:
    """The receipts are not even read."""

    def never(model: str) -> Any:
        raise AssertionError("git alone shows that it is new")

    judgement = asked(case(asks="require: {signature: compatible}"), reconciles=never)
    assert told(judgement)[0][1] != "exempt"


def test_a_version_that_was_rolled_back_is_judged_like_a_new_one() -> None:
    away = MADE._replace(subject="Too slow")
    history = returning("require: {signature: compatible}")
    judgement = asked(history, reconciles=held(("Production", 14, DAY), rolled_back_by=away))
    assert told(judgement)[0][1] == "failed"
    assert judgement.notes == (
        f'14 was rolled back from Production on {MADE.at} by {MADE.sha[:7]} "Too slow"; it is'
        " judged like a new version",
    )


# -- overrides -------------------------------------------------------------------------------------


def said(*lines: str) -> Callable[[Commit, str], Iterable[str]]:
    def messages(made: Commit, file: str) -> Iterable[str]:
        assert (made, file) == (MADE, FILE)
        return ["\n".join(("Promote 14", "", *(f"Gate-Override: {line}" for line in lines)))]

    return messages


MAY = "overrides: [tags, from, approvals]"


def test_an_override_takes_the_place_of_a_gate_and_is_told() -> None:
    judgement = asked(case(MAY, asks=TAGGED), messages=said("tags: INC-42"))
    assert told(judgement) == [("tags", "overridden", f"{MISSING}, overridden: INC-42")]
    assert judgement.refusals == () and judgement.notes == ()


@pytest.mark.parametrize("line", ["tags: INC-42", "[fraud/Production] tags: INC-42"])
def test_an_override_of_this_entry(line: str) -> None:
    assert not asked(case(MAY, asks=TAGGED), messages=said(line)).refusals


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (["tags:"], "Gate-Override of tags is ignored: it gives no reason"),
        (
            ["pinned: why not"],
            "Gate-Override of pinned is ignored: the policy does not let it be overridden",
        ),
        (["from: why not"], "Gate-Override of from is ignored: Production has no such gate"),
        (["[other/Production] tags: x"], None),
        (["[fraud/Staging] tags: x"], None),
    ],
)
def test_an_override_that_does_nothing_says_so(lines: list[str], note: str | None) -> None:
    judgement = asked(case(MAY, asks=TAGGED), messages=said(*lines))
    assert told(judgement) == [("tags", "failed", MISSING)]
    assert judgement.notes == ((note,) if note else ())


def test_a_line_that_does_nothing_leaves_the_others_their_force() -> None:
    judgement = asked(
        case(MAY, asks=TAGGED), messages=said("tags:", "pinned: x", "tags: first", "tags: second")
    )
    assert told(judgement) == [("tags", "overridden", f"{MISSING}, overridden: first")]
    assert len(judgement.notes) == 2


def test_a_note_is_told_once_for_several_entries() -> None:
    judgement = asked(case(MAY, asks=TAGGED, versions=(14, 13)), messages=said("tags:"))
    assert judgement.notes == ("Gate-Override of tags is ignored: it gives no reason",)


def test_a_line_that_another_entry_of_the_commit_needs_is_not_told_as_ignored() -> None:
    """A promotion and its successor in one commit: the override means Production, and Staging has
    other gates."""
    policy = policy_of(
        f"stages: {{Production: {{{TAGGED}}}, Staging: {{require: {{pinned: true}}}}}}\n{MAY}"
    )
    rules = policy.for_model("fraud")
    points = (
        Point(BASE, wanted("{Production: 12}", policy)),
        Point(MADE, wanted("{Production: 14, Staging: 15}", policy)),
    )
    entries = (Entry("Production", 14, MADE, rules), Entry("Staging", 15, MADE, rules))
    both = ModelHistory(BASE.sha, "known", points, entries)
    judgement = asked(both, seen(15), messages=said("tags: INC-42"))
    assert [(v.gate, v.status) for v in judgement.verdicts] == [
        ("tags", "overridden"),
        ("pinned", "failed"),
    ]
    assert judgement.notes == ()
    apart = asked(both, seen(15), messages=said("[fraud/Staging] tags: INC-42"))
    assert apart.notes == ("Gate-Override of tags is ignored: Staging has no such gate",)


def test_a_manifest_that_moved_since_is_asked_about_where_it_lay() -> None:
    history = case("overrides: [tags]", asks=TAGGED)
    target = history.target
    assert target is not None
    later = Desired(replace(target.manifest, file="registry/models/nlp/fraud.yaml"), target.policy)
    moved = replace(history, points=(*history.points, Point(commit(number=3), later)))
    asked_for: list[tuple[str, str]] = []

    def messages(made: Commit, file: str) -> Iterable[str]:
        asked_for.append((made.sha, file))
        return ["Gate-Override: tags: INC-42"]

    assert told(asked(moved, messages=messages))[0][1] == "overridden"
    assert asked_for == [(MADE.sha, FILE)]


def test_what_passes_is_not_overridden() -> None:
    fit = seen(ObservedVersion(14, tags={"validation": "passed"}))
    judgement = asked(case(MAY, asks=TAGGED), fit, messages=said("tags: INC-42"))
    assert (
        told(judgement) == [("tags", "passed", "tag validation is passed")]
        and judgement.notes == ()
    )


def test_a_wait_that_is_overridden_waits_no_more() -> None:
    history = case(
        "overrides: [soak, approvals]",
        asks="from: [Staging], soak: 3d, approvals: 1",
        stays={"Staging": BASE},
    )
    judgement = asked(
        history,
        reconciles=held(("Staging", 14, DAY)),
        messages=said("soak: INC-42", "approvals: INC-43"),
        merged=lambda made: False,
        writing=True,
    )
    assert [verdict.status for verdict in judgement.verdicts] == [
        "passed",
        "overridden",
        "overridden",
    ]
    assert all(verdict.until is None and verdict.needs is None for verdict in judgement.verdicts)
    assert judgement.deferred is None and not judgement.refusals


def test_what_is_unknown_may_be_overridden() -> None:
    judgement = asked(case(MAY, asks="approvals: 1"), messages=said("approvals: GitHub is down"))
    assert told(judgement)[0][1] == "overridden"


@pytest.mark.parametrize(
    ("asks", "rules", "way_out"),
    [
        (
            "require: {tags: {a: x, b: z}}",
            MAY,
            (
                "meet the gate, or promote it in a commit whose message says `Gate-Override: tags:"
                " reason`"
            ),
        ),
        (
            "from: [Staging], require: {tags: {a: x}}",
            MAY,
            (
                "meet the gate, or promote it in a commit whose message says `Gate-Override: from:"
                " reason` and `Gate-Override: tags: reason`"
            ),
        ),
        (
            "require: {pinned: true, tags: {a: x}}",
            MAY,
            "meet the gates; the policy does not allow overriding pinned",
        ),
        ("require: {tags: {a: x}}", "", "meet the gate; the policy does not allow overriding tags"),
    ],
)
def test_the_way_past_a_gate(asks: str, rules: str, way_out: str) -> None:
    assert asked(case(rules, asks=asks)).refusals[0].way_out == way_out


# -- gates of other packages -----------------------------------------------------------------------

PLUGIN = "require: {plugins: {fairness: {most: 0.1}}}"


def plugin(ask: Callable[..., Any]) -> Gate[Any]:
    return Gate("fairness", ask)


def answer(ask: Callable[..., Any] | None) -> list[tuple[str, str, str]]:
    return told(asked(case(asks=PLUGIN), plugins=lambda: {"fairness": plugin(ask)} if ask else {}))


def test_a_plugin_is_given_the_subject_and_its_settings() -> None:
    def fairness(subject: Any, settings: Any) -> Finding:
        return Finding("passed", f"{subject.number} in {subject.entry.stage}: {settings['most']}")

    assert answer(fairness) == [("fairness", "passed", "14 in Production: 0.1")]


def test_a_plugin_may_say_several_things() -> None:
    two = [Finding("passed", "one"), Finding("failed", "two")]
    assert answer(lambda subject, settings: iter(two)) == [
        ("fairness", "passed", "one"),
        ("fairness", "failed", "two"),
    ]


def test_a_plugin_that_has_not_passed_has_failed() -> None:
    """One that is missing, says nothing or breaks (RULES R3: fail closed)."""

    def unreadable(subject: Any, settings: Any) -> Finding:
        raise Unreadable("no access")

    def broken(subject: Any, settings: Any) -> Finding:
        raise ZeroDivisionError("by zero")

    assert answer(None) == [("fairness", "failed", "the gate fairness is not installed here")]
    assert answer(unreadable) == [("fairness", "unknown", "fairness cannot be judged: no access")]
    assert answer(broken) == [
        ("fairness", "failed", "the gate fairness broke: ZeroDivisionError: by zero")
    ]
    none = [("fairness", "failed", "the gate fairness gave no finding")]
    assert answer(lambda subject, settings: ()) == none
    assert answer(lambda subject, settings: [Finding("passed", "one"), "two"]) == none  # type: ignore[list-item]
    assert answer(lambda subject, settings: None)[0][1] == "failed"  # type: ignore[arg-type,return-value]


def test_a_plugin_may_leave_rollbacks_and_prompts_unjudged() -> None:
    """Then its entry point is a Gate; nothing is asked."""

    def never(subject: Any, settings: Any) -> Finding:
        raise AssertionError("it does not judge this")

    gate = Gate("fairness", never, judges_prompts=False, judges_rollbacks=False)
    rollback = asked(returning(PLUGIN), reconciles=HELD_BEFORE, plugins=lambda: {"fairness": gate})
    assert told(rollback) == [("fairness", "exempt", "rollback: 14 held Production before")]

    prompt = replace(seen(), is_prompt=True)
    judged = asked(case(asks=PLUGIN), prompt, plugins=lambda: {"fairness": gate})
    assert [status for _, status, _ in told(judged)] == ["failed"]


def test_plugins_come_last_by_name_and_are_looked_for_only_where_asked() -> None:
    def ok(subject: Any, settings: Any) -> Finding:
        return Finding("passed", "fine")

    def never() -> Mapping[str, Gate[Any]]:
        raise AssertionError("no plug-in is asked for")

    history = case(asks="require: {status: READY, plugins: {b: {}, a: {}}}")
    judgement = asked(history, plugins=lambda: {"a": plugin(ok), "b": plugin(ok)})
    assert [gate for gate, _, _ in told(judgement)] == ["status", "a", "b"]
    asked(case(asks=TAGGED), plugins=never)
