"""What keeps a model from being touched: each refusal with its code, its numbers and its way out
(RULES R2, R4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_gitops.core.history.mainline import Point
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.core.plan.refusals.model_refusals import refusals
from mlflow_gitops.core.recorded.values import Dataset, Record
from mlflow_gitops.core.verdicts.verdict import Refusal
from tests.support.core.evidence import FakeEvidence
from tests.support.core.one_model import (
    BASE,
    DIGEST,
    MD5,
    NOW,
    OWNER,
    make_context,
    make_desired,
    make_history,
    make_observed,
    make_version,
    refusals_of,
    returning,
)
from tests.support.core.tenures import held


def record(digests: str = "", data: dict[str, str] | None = None) -> Record:
    return Record(
        datasets=tuple(Dataset(f"set-{digest}", digest) for digest in digests.split()),
        data=data or {},
    )


def only(found: list[Refusal], code: str, *said: str, way_out: str) -> None:
    assert [refusal.code for refusal in found] == [code], found
    for part in said:
        assert part in found[0].detail
    assert way_out in found[0].way_out
    assert not found[0].detail.endswith(".")


# -- whose model it is -----------------------------------------------------------------------------


def test_a_prompt_has_the_name() -> None:
    prompt = replace(make_observed(1), is_prompt=True)
    only(
        refusals_of("stages: {Production: 1}", prompt),
        "name_taken",
        "m is a prompt",
        way_out="another name",
    )


def test_another_owner() -> None:
    foreign = make_observed(1, gitops_owner="f" * 40 + ":registry")
    found = refusals_of("stages: {Production: 1}", foreign)
    only(found, "owner", "f" * 40 + ":registry", OWNER, way_out="reconcile m --take-over")
    assert not list(
        refusals(
            make_desired("stages: {}"),
            make_history(None),
            foreign,
            (),
            make_context(take_over=True),
        )
    )
    assert not refusals_of("stages: {Production: 1}", make_observed(1, gitops_owner=OWNER))
    assert not refusals_of("stages: {Production: 1}", make_observed(1, gitops_owner="")), (
        "an empty stamp is none"
    )


# -- what it was reconciled to ---------------------------------------------------------------------


def test_a_base_that_is_later_than_the_target() -> None:
    found = list(
        refusals(
            make_desired("stages: {}"),
            make_history(None, base=BASE, state="stale"),
            make_observed(),
            (),
            make_context(),
        )
    )
    only(found, "stale", BASE[:12], way_out="git revert")


@pytest.mark.parametrize(
    ("base", "said"),
    [
        (BASE, f"was reconciled to {BASE[:12]}, which is not on the main line"),
        ("\x1b]0;x", "was reconciled to an unreadable commit, which is not on the main line"),
    ],
)
def test_a_base_that_is_unknown(base: str | None, said: str) -> None:
    found = list(
        refusals(
            make_desired("stages: {}"),
            make_history(None, base=base, state="unknown"),
            make_observed(),
            (),
            make_context(),
        )
    )
    only(found, "base_unknown", said, way_out="reconcile m --adopt")


@pytest.mark.parametrize(
    ("base", "said"),
    [
        (BASE, f"MLflow was reconciled to {BASE[:12]}, which is not in this clone"),
        (None, "what MLflow was reconciled to is not in this clone"),
        ("\x1b]0;x", "MLflow was reconciled to an unreadable commit, which is not in this clone"),
    ],
)
@pytest.mark.parametrize("way", ["run git pull", "run git fetch --unshallow"])
def test_a_base_that_may_not_have_been_fetched(base: str | None, said: str, way: str) -> None:
    context = replace(make_context(), way_to_fetch=way)
    history = make_history(None, base=base, state="unfetched")
    found = list(refusals(make_desired("stages: {}"), history, make_observed(), (), context))
    assert [(refusal.code, refusal.detail, refusal.way_out) for refusal in found] == [
        ("base_unknown", said, way)
    ]


def test_an_unknown_base_plans_nothing() -> None:
    plan = plan_model(
        "m",
        make_history(make_desired("stages: {Production: 1}"), base=BASE, state="unknown"),
        make_observed(1),
        make_context(),
    )
    assert plan.sync == "Unknown" and not plan.changes and not plan.stamps


def test_a_base_that_only_a_receipt_knows() -> None:
    """Stamps taken away, or a model made anew: nothing is adopted, and a pin that does not match is
    told first."""
    pinned = make_desired("stages: {Production: 1}\nversions: {1: {source: 'file:///other'}}")
    plan = plan_model(
        "m", make_history(pinned, base=BASE, state="lost"), make_observed(1), make_context()
    )
    assert plan.sync == "Unknown" and not plan.changes and not plan.stamps
    assert [refusal.code for refusal in plan.refusals] == ["pin", "base_unknown"]
    assert f"a receipt says that m was reconciled to {BASE[:12]}" in plan.refusals[1].detail
    assert "reconcile m --adopt" in plan.refusals[1].way_out


# -- versions that MLflow lacks --------------------------------------------------------------------

NEW = "stages: {Staging: 3}\nversions: {3: {source: 'file:///3'}}"


@pytest.mark.parametrize("body", ["stages: {Production: 3}", "stages: {}\naliases: {champion: 3}"])
def test_a_missing_version_without_a_source(body: str) -> None:
    found = refusals_of(body, make_observed(1, 2))
    only(found, "missing_version", "no version 3 of m", "it has 1, 2", way_out="versions.3.source")
    only(refusals_of(body, None), "missing_version", "no version 3 of m", way_out="training")
    many = refusals_of(body, make_observed(*(v for v in range(1, 10) if v != 3)))
    only(many, "missing_version", "it has 8 versions, the newest 5, 6, 7, 8, 9", way_out="training")


def test_a_missing_version_that_is_only_pinned_refuses_nothing() -> None:
    assert not refusals_of("stages: {}\nversions: {3: {run_id: abc}}", make_observed(1))


@pytest.mark.parametrize(
    ("observed", "following"),
    [
        (make_observed(1, 2), None),
        (make_observed(1), None),  # 2 may have been made and deleted; only the try can tell
        (make_observed(1, 2, 4), 5),
        (make_observed(1, gitops_highest="2"), None),
        (make_observed(1, gitops_highest="3"), 4),
        (make_observed(1, 2, gitops_highest="7"), 8),
        (make_observed(1, 2, gitops_highest="1"), None),
        (make_observed(1, 2, gitops_highest="nonsense"), None),
        (make_observed(1, 2, gitops_highest="9" * 30), None),
        (None, 1),
    ],
)
def test_a_version_is_registered_only_where_its_number_can_come(
    observed: ObservedModel | None, following: int | None
) -> None:
    found = refusals_of(NEW, observed)
    if following is None:
        assert found == []
    else:
        only(
            found,
            "missing_version",
            "version 3 of m cannot be registered",
            f"the next one is {following}",
            way_out=f"pin it as version {following}",
        )


def test_several_new_versions_follow_one_another() -> None:
    body = (
        "stages: {}\nversions: {1: {source: 'file:///1'}, 2: {source: 'file:///2'}, 4: {source:"
        " 'file:///4'}}"
    )
    only(
        refusals_of(body, None),
        "missing_version",
        "version 4",
        "the next one is 3",
        way_out="pin it as version 3",
    )


# -- pins ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["run_id", "source", "model_id"])
def test_a_pin_that_differs(word: str) -> None:
    body = f"stages: {{Production: 1}}\nversions: {{1: {{{word}: abc}}}}"
    assert not refusals_of(body, make_observed(make_version(1, "None", **{word: "abc"})))
    found = refusals_of(body, make_observed(make_version(1, "Production", **{word: "xyz"})))
    only(
        found,
        "pin",
        f"version 1 is pinned to {word} abc, MLflow has xyz",
        way_out="another version",
    )
    only(
        refusals_of(body, make_observed(1)),
        "pin",
        f"pinned to {word} abc, MLflow has none",
        way_out="reviewed",
    )


def test_every_pin_that_differs_is_told() -> None:
    body = "stages: {}\nversions: {1: {run_id: a, source: b}, 2: {model_id: c}}"
    assert [refusal.detail.split()[1] for refusal in refusals_of(body, make_observed(1, 2))] == [
        "1",
        "1",
        "2",
    ]


PINNED = (
    f"versions: {{1: {{run_id: r, dataset_digest: {DIGEST}, data: {{path: data/x.csv, md5:"
    f" {MD5}}}}}}}"
)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (record(f"other {DIGEST}", {"data/x.csv": MD5}), []),
        (None, ["MLflow has no run to compare it with"]),
        (record("", {"data/x.csv": MD5}), [f"dataset digest {DIGEST}, its run logged none"]),
        (record("b a", {"data/x.csv": MD5}), [f"dataset digest {DIGEST}, its run logged a, b"]),
        (
            record(DIGEST),
            [f"data/x.csv with md5 {MD5}, its run logged none (tag or param dvc.data/x.csv)"],
        ),
        (record(DIGEST, {"data/x.csv": "0" * 32}), [f"md5 {MD5}, its run logged {'0' * 32}"]),
        (record(), ["its run logged none", "(tag or param dvc.data/x.csv)"]),
    ],
)
def test_pinned_data(known: Record | None, said: list[str]) -> None:
    asked: list[str | None] = []

    def read(run: str | None) -> Record | None:
        asked.append(run)
        return known

    found = refusals_of(
        f"stages: {{Production: 1}}\n{PINNED}",
        make_observed(make_version(1, "None", run_id="r")),
        read=read,
    )
    assert len(found) == len(said)
    for refusal, part in zip(found, said, strict=True):
        assert refusal.code == "pin" and part in refusal.detail
    assert asked == ["r"]


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ("stages: {Production: 1}", []),  # it is there already
        ("stages: {Staging: 1}", ["r"]),
        ("stages: {Production: 1}\naliases: {champion: 1}", ["r"]),
        ("stages: {Production: 1, Staging: 2}", []),
    ],
)
def test_data_is_read_only_for_versions_about_to_change(body: str, asked: list[str]) -> None:
    read: list[str] = []
    model = make_observed(make_version(1, "Production", run_id="r"), 2)
    refusals_of(f"{body}\n{PINNED}", model, read=lambda run: read.append(run) or None)  # type: ignore[func-returns-value]
    assert read == asked


@pytest.mark.parametrize(
    ("before", "now", "asked"),
    [
        (
            "stages: {Production: 2}",
            f"stages: {{Production: 1}}\n{PINNED}",
            ["r"],
        ),  # a click, and then the merge
        (f"stages: {{Production: 2}}\n{PINNED}", f"stages: {{Production: 1}}\n{PINNED}", ["r"]),
        ("stages: {Production: 1}", f"stages: {{Production: 1}}\n{PINNED}", ["r"]),  # pinned later
        (
            f"stages: {{Production: 1}}\n{PINNED.replace(MD5, 'a' * 32)}",
            f"stages: {{Production: 1}}\n{PINNED}",
            ["r"],
        ),
        (None, f"stages: {{Production: 1}}\n{PINNED}", ["r"]),
        (
            f"stages: {{Production: 1}}\n{PINNED}",
            f"stages: {{Production: 1}}\ndescription: x\n{PINNED}",
            [],
        ),
        (f"stages: {{Production: 1}}\n{PINNED}", "stages: {Production: 1}", []),
    ],
)
def test_data_is_compared_of_what_git_speaks_of_though_nothing_moves(
    before: str | None, now: str, asked: list[str]
) -> None:
    read: list[str | None] = []

    def other(run: str | None) -> Record:
        read.append(run)
        return record(DIGEST, {"data/x.csv": "0" * 32})

    past = make_history(
        make_desired(before) if before else None, make_desired(now), base=f"{0:040x}", state="known"
    )
    found = plan_model(
        "m", past, make_observed(make_version(1, "Production", run_id="r"), 2), make_context(other)
    )
    assert read == asked and [refusal.code for refusal in found.refusals] == ["pin"] * len(asked)


# -- protected stages ------------------------------------------------------------------------------

OWN = (
    "stages: {Live: {alias: live, native: false, protected: true}, Production: {alias: production}}"
)


@pytest.mark.parametrize(
    ("body", "observed", "policy", "said"),
    [
        (
            "stages: {}",
            make_observed(make_version(1, "Production"), make_version(2, "Production")),
            "",
            "Production is protected and held by 1, 2",
        ),
        ("stages: {Production: null}", make_observed(make_version(1, "Production")), "", None),
        ("stages: {Production: []}", make_observed(make_version(1, "Production")), "", None),
        ("stages: {Production: 2}", make_observed(make_version(1, "Production"), 2), "", None),
        ("stages: {}", make_observed(make_version(1, "Staging")), "", None),
        (
            "stages: {}",
            make_observed(make_version(1, "Staging")),
            "stages: {Staging: {protected: true}}",
            "Staging is protected and held by 1",
        ),
        (
            "stages: {}",
            make_observed(make_version(1, "Production")),
            "stages: {Production: {protected: false}}",
            None,
        ),
        (
            "stages: {}",
            make_observed(1, aliases={"production": 1}),
            OWN,
            "Production is protected and held by 1",
        ),
        (
            "stages: {}",
            make_observed(1, aliases={"live": 1}),
            OWN,
            "Live is protected and held by 1",
        ),
        ("stages: {Live: null}", make_observed(1, aliases={"live": 1}), OWN, None),
        ("stages: {}", make_observed(1, aliases={"other": 1}), OWN, None),
        ("stages: {}", None, "", None),
    ],
)
def test_a_protected_stage(
    body: str, observed: ObservedModel | None, policy: str, said: str | None
) -> None:
    found = refusals_of(body, observed, policy=policy)
    if said is None:
        assert found == []
    else:
        only(found, "protected", said, way_out=f"{said.split()[0]}: null")


def test_a_protected_stage_whose_alias_the_policy_renames_is_protected_by_the_one_it_had() -> None:
    """If the same commit drops the line, the new alias has no owner and the old one would go."""
    now = make_desired("stages: {Production: 1}", OWN.replace("alias: live", "alias: live2"))
    past = make_history(
        make_desired("stages: {Live: 2, Production: 1}", OWN), now, base=f"{0:040x}", state="known"
    )
    model = make_observed(make_version(1, "Production"), 2, aliases={"live": 2, "production": 1})
    only(
        list(plan_model("m", past, model, make_context()).refusals),
        "protected",
        "held by 2",
        way_out="Live: null",
    )
    emptied = make_desired(
        "stages: {Production: 1, Live: null}", OWN.replace("alias: live", "alias: live2")
    )
    assert not plan_model(
        "m", replace(past, points=(past.points[0], Point(None, emptied))), model, make_context()
    ).refusals


REPORTING = "drift: report\nstages: {Production: {}}"


@pytest.mark.parametrize(
    ("before", "now", "observed", "policy", "refused"),
    [
        (
            "[1, 2]",
            "2",
            make_observed(make_version(1, "Production"), make_version(2, "Staging")),
            REPORTING,
            True,
        ),
        (
            "[1, 2]",
            "2",
            make_observed(make_version(1, "Production"), make_version(2, "Staging")),
            "stages: {Production: {}}",
            False,
        ),
        (
            "[1, 2]",
            "2",
            make_observed(make_version(1, "Production"), make_version(2, "Staging")),
            REPORTING.replace("{}", "{protected: false}"),
            False,
        ),
        (
            "[1, 2]",
            "2",
            make_observed(make_version(1, "Production"), make_version(2, "Production")),
            REPORTING,
            False,
        ),
        (
            "[1, 2]",
            "[2, 3]",
            make_observed(make_version(1, "Production"), make_version(2, "Staging"), 3),
            REPORTING,
            False,
        ),
        (
            "[1, 2]",
            "2",
            make_observed(
                make_version(1, "Production"),
                make_version(2, "Staging"),
                make_version(3, "Production"),
            ),
            REPORTING,
            False,
        ),
        (
            "[1, 2]",
            "null",
            make_observed(make_version(1, "Production"), make_version(2, "Staging")),
            REPORTING,
            False,
        ),
        (
            "[1, 2]",
            "2",
            make_observed(make_version(1, "Archived"), make_version(2, "Staging")),
            REPORTING,
            False,
        ),
    ],
)
def test_what_drift_left_of_a_protected_stage_is_not_taken_out(
    before: str, now: str, observed: ObservedModel, policy: str, refused: bool
) -> None:
    states = (make_desired(f"stages: {{Production: {one}}}", policy) for one in (before, now))
    past = make_history(*states, base=f"{0:040x}", state="known")
    found = list(plan_model("m", past, observed, make_context()).refusals)
    if refused:
        only(
            found,
            "protected",
            "2 is in Staging in MLflow",
            way_out="move 2 back to Production in MLflow",
        )
    else:
        assert found == []


# -- a freeze --------------------------------------------------------------------------------------

WHILE = "freeze: {reason: audit, until: '%s'}"


@pytest.mark.parametrize(
    ("until", "holds"),
    [
        ("2026-02-01", True),
        ("2026-01-31", False),
        ("2026-02-01T12:00:00Z", True),
        ("2026-02-01T12:59:59+01:00", False),
    ],
)
def test_a_freeze_holds_to_its_end(until: str, holds: bool) -> None:
    now = make_history(make_desired("stages: {Production: 2}", WHILE % until))
    plan = plan_model("m", now, make_observed(2), make_context(writing=True))
    assert [refusal.code for refusal in plan.refusals] == (["frozen"] if holds else [])
    assert bool(plan.applying) is not holds
    if holds:
        only(list(plan.refusals), "frozen", f"until {until}", "audit", way_out="policy")
        assert plan.refusals[0].scope == "commit" and not plan.stamps
    shown = plan_model("m", now, make_observed(2), make_context())
    assert not shown.refusals and bool(shown.notes) is holds, "a plan only says so"


def test_a_freeze_lets_rollbacks_and_drift_pass() -> None:
    policy = WHILE % "2026-03-01"
    one, two = (
        make_desired("stages: {Production: 1}", policy),
        make_desired("stages: {Production: 2}", policy),
    )
    back = returning(make_history(two, one, base=f"{0:040x}", state="known"))
    forged = make_version(1, "Archived", tags={"gitops.held.Production": f"{BASE}@{NOW}"})
    observed = make_observed(forged, make_version(2, "Production"))
    by_receipts = make_context(reconciles=held(("Production", 1, NOW)), writing=True)
    plan = plan_model("m", back, observed, by_receipts)
    assert not plan.refusals and plan.applying
    away = held(("Production", 1, NOW), rolled_back_by=back.points[0].commit)
    for reconciles in (held(), held(("Staging", 1, NOW)), away):
        context = make_context(reconciles=reconciles, writing=True)
        never = plan_model("m", back, observed, context)
        assert "frozen" in [refusal.code for refusal in never.refusals], "a tag passes no freeze"
    still = make_history(one, base=f"{0:040x}", state="known")
    healed = plan_model(
        "m",
        still,
        make_observed(make_version(1, "Archived"), make_version(2, "Production")),
        make_context(writing=True),
    )
    assert not healed.refusals and {change.cause for change in healed.applying} == {"drift"}


def test_what_stays_where_it_is_does_not_make_a_rollback_a_promotion() -> None:
    """Version 1 has no stamp, as one that was there before git was; it enters nothing, and 2 goes
    back."""
    policy = WHILE % "2026-03-01"
    states = [make_desired(f"stages: {{Production: 1, Staging: {v}}}", policy) for v in (3, 2)]
    observed = make_observed(
        make_version(1, "Production"), make_version(2, "Archived"), make_version(3, "Staging")
    )
    plan = plan_model(
        "m",
        returning(make_history(*states, base=f"{0:040x}", state="known")),
        observed,
        make_context(reconciles=held(("Staging", 2, NOW)), writing=True),
    )
    assert not plan.refusals and plan.applying


def test_a_freeze_holds_back_an_alias_that_moves_beside_a_rollback() -> None:
    policy = WHILE % "2026-03-01"
    now = make_desired("stages: {Production: 2}\naliases: {champion: 2}", policy)
    for champion, frozen in ((1, False), (3, True)):
        then = make_desired(f"stages: {{Production: 1}}\naliases: {{champion: {champion}}}", policy)
        plan = plan_model(
            "m",
            returning(make_history(now, then, base=f"{0:040x}", state="known")),
            make_observed(1, make_version(2, "Production"), 3, aliases={"champion": 2}),
            make_context(reconciles=held(("Production", 1, NOW)), writing=True),
        )
        assert [refusal.code for refusal in plan.refusals] == ["frozen"] * frozen


def test_a_freeze_still_heals_drift_beside_what_it_holds_back() -> None:
    policy = WHILE % "2026-03-01"
    states = [make_desired(f"stages: {{Production: {v}}}\ntags: {{a: x}}", policy) for v in (1, 2)]
    plan = plan_model(
        "m",
        make_history(*states, base=f"{0:040x}", state="known"),
        make_observed(make_version(1, "Production"), 2),
        make_context(writing=True),
    )
    assert [(change.action, change.applies) for change in plan.changes] == [
        ("transition", False),
        ("transition", False),
        ("set_tag", True),
    ]


# -- registries without stages ---------------------------------------------------------------------


def test_a_registry_without_stages_holds_one_version_a_stage() -> None:
    with_stages = make_desired("stages: {Production: [1, 2]}\naliases: {staging: 1}")
    desired = Desired(with_stages.manifest, Policy().without_stages().for_model("m"))
    found = list(refusals(desired, make_history(desired), make_observed(1, 2), (), make_context()))
    assert {refusal.code for refusal in found} == {"stage"}
    assert "'production'" in found[0].detail and "'staging'" in found[1].detail


def test_all_refusals_are_told() -> None:
    body = "stages: {Staging: 9}\nversions: {1: {run_id: a}}"
    assert [
        refusal.code for refusal in refusals_of(body, make_observed(make_version(1, "Production")))
    ] == [
        "missing_version",
        "pin",
        "protected",
    ]


def test_a_refused_model_writes_nothing() -> None:
    plan = plan_model(
        "m",
        make_history(make_desired("stages: {}\ntags: {a: x}")),
        make_observed(make_version(1, "Production")),
        make_context(),
    )
    assert plan.changes and not plan.applying and not plan.stamps
    assert isinstance(plan.changes[0], Change)


@pytest.mark.parametrize("pinned", [MD5, "0" * 32, "1" * 32])
def test_a_data_pin_that_the_run_logged_twice_refuses(pinned: str) -> None:
    """As a param, which nobody can change, and as a tag, which anybody may write."""
    record = Record(data={"data/x.csv": MD5}, conflicting_data={"data/x.csv": "0" * 32})
    pin = f"{{data: {{path: data/x.csv, md5: {pinned!r}}}}}"
    body = f"stages: {{Production: 1}}\nversions: {{1: {pin}}}"
    [refusal] = refusals_of(body, make_observed(1), read=lambda run: record)
    assert refusal.code == "pin" and "logged twice" in refusal.detail


@pytest.mark.parametrize(
    ("trained_on", "refused"), [((), False), ((DIGEST,), False), (("other",), True)]
)
def test_a_dataset_pin_is_compared_with_training_data(
    trained_on: tuple[str, ...], refused: bool
) -> None:
    """What was logged as evaluation data, perhaps after the registration, was not trained on."""
    datasets = (Dataset("a", "other"), Dataset("b", DIGEST))
    record = Record(datasets=datasets, trained_on=trained_on)
    body = f"stages: {{Production: 1}}\nversions: {{1: {{dataset_digest: {DIGEST}}}}}"
    assert bool(refusals_of(body, make_observed(1), read=lambda run: record)) is refused


def test_missing_evidence_refuses_a_data_pin() -> None:
    record = Record(fault="its run abc was deleted in MLflow")
    body = f"stages: {{Production: 1}}\nversions: {{1: {{dataset_digest: {DIGEST}}}}}"
    [refusal] = refusals_of(body, make_observed(1), read=lambda run: record)
    assert "its run abc was deleted in MLflow" in refusal.detail


# -- a server without aliases ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "policy", "is_refused"),
    [
        ("stages: {Production: 1}", "stages: {Production: {alias: production}}", True),
        ("stages: {}\naliases: {champion: 1}", "", True),
        ("stages: {Production: 1}", "", False),
        ("stages: {}", "stages: {Production: {alias: production}}", False),
    ],
)
def test_a_server_before_2_3_keeps_stages_alone(body: str, policy: str, is_refused: bool) -> None:
    evidence = FakeEvidence(without_aliases="http://old is MLflow 2.2.2, which has no aliases")
    history = make_history(make_desired(body, policy))
    plan = plan_model("m", history, make_observed(1), replace(make_context(), evidence=evidence))
    assert [refusal.code for refusal in plan.refusals] == ["alias"] * is_refused
    if is_refused:
        assert "2.2.2" in plan.refusals[0].detail and "upgrade" in plan.refusals[0].way_out
