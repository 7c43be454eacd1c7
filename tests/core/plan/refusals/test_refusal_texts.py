"""Each refusal word for word: what is wrong, with its numbers, and the way past it (RULES R4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.core.plan.refusals.compared_versions import moved_versions
from mlflow_gitops.core.plan.refusals.model_refusals import refusals
from mlflow_gitops.core.plan.refusals.pins import pin_refusals
from mlflow_gitops.core.recorded.values import Record, Unreadable
from mlflow_gitops.core.verdicts.verdict import Refusal
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

REVIEWED = (
    "it is not the version that was reviewed: name another version; or, if this one is right,"
    " pin it again with mlflow-gitops pin"
)
ELSEWHERE = "f" * 40 + ":registry"


def test_another_owner() -> None:
    found = refusals_of("stages: {Production: 1}", make_observed(1, gitops_owner=ELSEWHERE))
    assert found == [
        Refusal(
            "owner",
            f"m is managed from elsewhere: its owner is {ELSEWHERE}, this repository is {OWNER}",
            "remove it from the other repository, then mlflow-gitops reconcile m --take-over",
            field="gitops.owner",
            expected=OWNER,
            actual=ELSEWHERE,
        )
    ]


def test_another_owner_says_where_it_is_and_adopts_what_it_has() -> None:
    desired = make_desired("stages: {Production: 1}")
    theirs = make_observed(1, gitops_owner=ELSEWHERE, gitops_repository="git.example/acme/models")
    history = replace(make_history(desired), base="f" * 40, base_state="unknown")
    [refusal] = refusals(desired, history, theirs, (), make_context())
    assert f"{ELSEWHERE} (git.example/acme/models, as its tag gitops.rep" in refusal.detail
    assert refusal.way_out.endswith("reconcile m --take-over --adopt")


def test_models_and_prompts_share_their_names() -> None:
    prompt = make_desired("kind: prompt\nstages: {}")
    assert list(refusals(prompt, make_history(prompt), make_observed(1), (), make_context())) == [
        Refusal(
            "name_taken",
            "m is a model in MLflow, which shares its names with the prompts, and its manifest says"
            " kind: prompt",
            "give the prompt another name; a manifest of the model itself has no such line",
        )
    ]
    assert list(
        refusals(
            make_desired("stages: {}"),
            make_history(None),
            replace(make_observed(1), is_prompt=True),
            (),
            make_context(),
        )
    ) == [
        Refusal(
            "name_taken",
            "m is a prompt in MLflow's Prompt Registry, which shares its names with the models",
            "give the model another name; a manifest of the prompt itself says kind: prompt",
        )
    ]
    [missing] = refusals(prompt, make_history(prompt), None, (), make_context())
    assert missing.code == "missing_version" and "no prompt m" in missing.detail
    assert "mlflow.genai.register_prompt" in missing.way_out
    assert not list(
        refusals(
            prompt,
            make_history(prompt),
            replace(make_observed(1), is_prompt=True),
            (),
            make_context(),
        )
    )


def test_a_version_of_a_prompt_is_registered_and_not_trained() -> None:
    prompt = make_desired("kind: prompt\nstages: {}\naliases: {champion: 2}")
    assert list(
        refusals(
            prompt,
            make_history(prompt),
            replace(make_observed(1), is_prompt=True),
            (),
            make_context(),
        )
    ) == [
        Refusal(
            "missing_version",
            "MLflow has no version 2 of m; it has 1",
            "register it first (mlflow.genai.register_prompt)",
            version=2,
        )
    ]


def test_a_base_that_is_stale_unknown_or_lost() -> None:
    desired = make_desired("stages: {}")
    [stale] = refusals(
        desired, make_history(None, base=BASE, state="stale"), make_observed(), (), make_context()
    )
    assert stale == Refusal(
        "stale",
        "MLflow was reconciled to 3f2a9c100000, which is not part of the history of what is planned"
        " here",
        "bring that commit in (pull, rebase); to go back, git revert on the main branch",
    )
    [unknown] = refusals(
        desired, make_history(None, base=BASE, state="unknown"), make_observed(), (), make_context()
    )
    assert unknown == Refusal(
        "base_unknown",
        "MLflow was reconciled to 3f2a9c100000, which is not on the main line: its history was"
        " rewritten, or the commit was never merged",
        "merge that commit again; to begin from what MLflow shows, mlflow-gitops reconcile m"
        " --adopt",
    )
    [lost] = refusals(
        desired, make_history(None, base=BASE, state="lost"), None, (), make_context()
    )
    assert lost == Refusal(
        "base_unknown",
        "a receipt says that m was reconciled to 3f2a9c100000; in MLflow, its stamps are gone",
        "see in MLflow who recreated it or removed its tags gitops.*; to begin from what it"
        " shows, mlflow-gitops reconcile m --adopt",
    )


@pytest.mark.parametrize("base", [None, "", "../../etc", "\x1b[31m"])
def test_a_stamp_that_is_no_commit_is_not_repeated(base: str | None) -> None:
    [stale] = refusals(
        make_desired("stages: {}"),
        make_history(None, base=base, state="stale"),
        make_observed(),
        (),
        make_context(),
    )
    assert stale.detail.startswith("MLflow was reconciled to an unreadable commit, which")


def test_a_base_that_was_lost_still_has_its_pins_compared() -> None:
    desired = make_desired("stages: {}\nversions: {1: {source: 'file:///1'}}")
    found = refusals(
        desired,
        make_history(None, base=BASE, state="lost"),
        make_observed(make_version(1, "None", source="x")),
        (),
        make_context(),
    )
    assert [refusal.code for refusal in found] == ["pin", "base_unknown"]


def test_a_missing_version() -> None:
    way_out = "register it by training, or set versions.3.source so that reconcile registers it"
    for body in ("stages: {Production: 3}", "stages: {}\naliases: {champion: 3}"):
        assert refusals_of(body, make_observed(1, 2)) == [
            Refusal(
                "missing_version", "MLflow has no version 3 of m; it has 1, 2", way_out, version=3
            )
        ]
        assert refusals_of(body, make_observed()) == [
            Refusal("missing_version", "MLflow has no version 3 of m", way_out, version=3)
        ]
        assert refusals_of(body, None) == [
            Refusal(
                "missing_version",
                "MLflow has no version 3 of m; it shows no such model to these credentials",
                way_out,
                version=3,
            )
        ]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ((1, 2, 3, 4, 5), "1, 2, 3, 4, 5"),
        ((1, 2, 3, 4, 5, 6), "6 versions, the newest 2, 3, 4, 5, 6"),
        ((1, 2, 3, 4, 5, 6, 7), "7 versions, the newest 3, 4, 5, 6, 7"),
    ],
)
def test_the_newest_versions_are_named(there: tuple[int, ...], said: str) -> None:
    [found] = refusals_of("stages: {Production: 9}", make_observed(*there))
    assert found.detail == f"MLflow has no version 9 of m; it has {said}"


@pytest.mark.parametrize(
    ("body", "observed", "deleted", "remaining", "number"),
    [
        ("stages: {Production: 3, Staging: 1}", make_observed(1, 2), 3, "; it has 1, 2", 4),
        ("stages: {Production: 1}", ObservedModel("m"), 1, "", 2),
        ("stages: {}\naliases: {champion: 2}", make_observed(1), 2, "; it has 1", 3),
        ("stages: {}\nversions: {5: {source: 's3://m/5'}}", make_observed(1), 5, "; it has 1", 6),
        ("stages: {Production: 3}", make_observed(1, 2, gitops_highest="8"), 3, "; it has 1, 2", 9),
    ],
)
def test_a_version_that_was_deleted(
    body: str, observed: ObservedModel, deleted: int, remaining: str, number: int
) -> None:
    """MLflow had it at the base. It never gives the number of a deleted version again."""
    state = make_desired(body)
    history = make_history(state, state, base=f"{0:040x}", state="known")
    plan = plan_model("m", history, observed, make_context())
    [refusal] = [refusal for refusal in plan.refusals if refusal.version == deleted]
    assert refusal == Refusal(
        "missing_version",
        f"version {deleted} of m was deleted in MLflow{remaining}",
        f"take version {deleted} out of the manifest; a version that is registered again gets a"
        f" new number, {number} or higher",
        version=deleted,
    )


def test_a_pin_cannot_take_the_number_of_a_deleted_version() -> None:
    before = make_desired("stages: {Production: 3}")
    after = make_desired("stages: {}\nversions: {2: {source: 's3://m/2'}}")
    history = make_history(before, after, base=f"{0:040x}", state="known")
    plan = plan_model("m", history, make_observed(1), make_context())
    [refusal] = plan.refusals
    assert refusal.code == "missing_version" and refusal.expected == "4"


def test_one_missing_version_does_not_hide_the_next() -> None:
    found = refusals_of("stages: {Production: 9, Staging: 8, Archived: 1}", make_observed(1))
    assert [refusal.detail.split()[4] for refusal in found] == ["8", "9"]


@pytest.mark.parametrize(
    ("observed", "highest"),
    [
        (make_observed(3, 5), 5),
        (make_observed(1, gitops_highest="5"), 5),
        (make_observed(1, 6, gitops_highest="5"), 6),
    ],
)
def test_a_number_that_mlflow_will_not_give(observed: ObservedModel, highest: int) -> None:
    found = refusals_of("stages: {}\nversions: {4: {source: 'file:///4'}}", observed)
    assert found == [
        Refusal(
            "missing_version",
            "version 4 of m cannot be registered: MLflow never gives a number twice or out of"
            f" turn, and the next one is {highest + 1}",
            f"pin it as version {highest + 1}, or take version 4 out of the manifest",
            version=4,
            expected=str(highest + 1),
        )
    ]


def test_a_number_out_of_turn_is_refused_only_where_the_next_is_certain() -> None:
    body = "stages: {}\nversions: {4: {source: 'file:///4'}}"
    assert not refusals_of(body, make_observed(1)), "2 and 3 may have been made and deleted"
    for observed in (None, make_observed(1, gitops_highest="2"), make_observed(gitops_highest="1")):
        assert [refusal.code for refusal in refusals_of(body, observed)] == ["missing_version"]
    assert not refusals_of(body, make_observed(1, gitops_highest="1")), (
        "what was noted says no more than what is seen"
    )
    assert not refusals_of(body, make_observed(gitops_highest="3"))


@pytest.mark.parametrize("noted", ["", "x", "-5", "5x", "12345678901"])
def test_a_note_of_the_highest_number_that_is_none_counts_for_nothing(noted: str) -> None:
    assert not refusals_of(
        "stages: {}\nversions: {4: {source: 'file:///4'}}", make_observed(1, gitops_highest=noted)
    )


# -- pins ------------------------------------------------------------------------------------------


def pin_refusal(
    version: int, text: str, field: str, expected: str | None, actual: str | None
) -> Refusal:
    return Refusal(
        "pin",
        f"version {version} {text}",
        REVIEWED,
        version=version,
        field=field,
        expected=expected,
        actual=actual,
    )


def test_a_pin() -> None:
    body = "stages: {Production: 1}\nversions: {1: {run_id: a, source: b, model_id: c}}"
    other = make_version(1, "Production", run_id="x", source="b")
    assert refusals_of(body, make_observed(other)) == [
        pin_refusal(1, "is pinned to run_id a, MLflow has x", "run_id", "a", "x"),
        pin_refusal(1, "is pinned to model_id c, MLflow has none", "model_id", "c", None),
    ]


PINNED = (
    f"stages: {{Staging: 1}}\nversions: {{1: {{dataset_digest: {DIGEST}, data: {{path: data/x.csv,"
    f" md5: {MD5}}}}}}}"
)


def test_pinned_data() -> None:
    def said(known: Record | None) -> list[Refusal]:
        return refusals_of(PINNED, make_observed(1), read=lambda run: known)

    assert said(None) == [
        pin_refusal(
            1, "is pinned to its data, and MLflow has no run to compare it with", "data", None, None
        )
    ]
    assert said(Record()) == [
        pin_refusal(
            1,
            f"is pinned to dataset digest {DIGEST}, its run logged none",
            "dataset",
            DIGEST,
            None,
        ),
        pin_refusal(
            1,
            f"is pinned to data/x.csv with md5 {MD5}, its run logged none (tag or param"
            " dvc.data/x.csv)",
            "data/x.csv",
            MD5,
            None,
        ),
    ]


def test_pinned_data_that_cannot_be_read_is_refused() -> None:
    def read(run: str | None) -> Record:
        raise Unreadable("403 Forbidden")

    body = "stages: {Staging: [1, 2]}\nversions: {1: {dataset_digest: abc}, 2: {run_id: a}}"
    found = refusals_of(body, make_observed(1, make_version(2, "None", run_id="b")), read=read)
    assert found == [
        pin_refusal(
            1,
            "is pinned to its data, which cannot be compared: 403 Forbidden",
            "data",
            None,
            None,
        ),
        pin_refusal(2, "is pinned to run_id a, MLflow has b", "run_id", "a", "b"),
    ]


def test_the_data_of_a_version_to_be_registered_is_looked_for_by_its_pin() -> None:
    asked: list[ObservedVersion] = []

    def read(version: ObservedVersion) -> Record:
        asked.append(version)
        return Record()

    desired = make_desired(
        "stages: {Staging: 1}\nversions: {1: {run_id: a, model_id: m-1, source: 'file:///1',"
        " dataset_digest: abc}, 2: {dataset_digest: abc}}"
    )
    assert len(list(pin_refusals(desired, make_observed(), {1}, read))) == 1
    assert asked == [ObservedVersion(1, run_id="a", source="file:///1", model_id="m-1")]
    assert list(pin_refusals(desired, make_observed(), (), read)) == [], (
        "a version that nothing is to happen to is not read"
    )


def test_what_moves_is_what_comes_somewhere() -> None:
    changes = [
        Change("transition", 1, None, "None", "Staging"),
        Change("register_version", 2, None, None, "file:///2"),
        Change("set_alias", None, "champion", 8, 3),
        Change("delete_alias", None, "old", 4, None),
        Change("set_tag", 5, "a", None, "x"),
        Change("set_description", 6, None, "", "x"),
        Change("set_tag", None, "7", None, "x"),
    ]
    assert moved_versions(changes) == {1, 2, 3}


# -- stages ----------------------------------------------------------------------------------------


def test_a_protected_stage() -> None:
    assert refusals_of(
        "stages: {}", make_observed(make_version(2, "Production"), make_version(1, "Production"))
    ) == [
        Refusal(
            "protected",
            "Production is protected and held by 1, 2; the manifest does not name it, which would"
            " leave it empty",
            "name the version that holds it, or write Production: null to empty it on purpose",
            field="Production",
        )
    ]


def test_a_protected_stage_is_held_by_its_alias_too() -> None:
    both = (
        "stages: {Live: {alias: live, native: false, protected: true}, Production: {alias:"
        " production}}"
    )
    observed = make_observed(
        make_version(1, "Production"), 2, 3, aliases={"live": 2, "production": 3}
    )
    assert [
        refusal.detail.split(";")[0] for refusal in refusals_of("stages: {}", observed, policy=both)
    ] == [
        "Production is protected and held by 1, 3",
        "Live is protected and held by 2",
    ]
    unprotected = "stages: {Production: {protected: false}, Staging: {protected: true}}"
    observed = make_observed(make_version(1, "Production"), make_version(2, "Staging"))
    [found] = refusals_of("stages: {}", observed, policy=unprotected)
    assert found.detail.startswith("Staging is protected"), (
        "a stage that is not protected ends nothing"
    )


def test_a_stage_that_is_kept_as_an_alias_is_not_held_by_a_click_in_mlflow() -> None:
    alone = "stages: {Production: {native: false, alias: production, protected: true}}"
    assert (
        refusals_of("stages: {}", make_observed(make_version(1, "Production")), policy=alone) == []
    )
    [found] = refusals_of(
        "stages: {}",
        make_observed(make_version(1, "Production"), 2, aliases={"production": 2}),
        policy=alone,
    )
    assert found.detail.startswith("Production is protected and held by 2;")


def test_a_registry_without_stages() -> None:
    with_stages = make_desired(
        "stages: {Production: [1, 2], Staging: 3}\naliases: {staging: 3, champion: 1}"
    )
    desired = Desired(with_stages.manifest, Policy().without_stages().for_model("m"))
    assert list(
        refusals(desired, make_history(desired), make_observed(1, 2, 3), (), make_context())
    ) == [
        Refusal(
            "stage",
            "this registry keeps no stages; Production is the alias 'production' there and holds"
            " one version at most",
            "name one version",
            field="Production",
        ),
        Refusal(
            "stage",
            "this registry keeps no stages; the alias 'staging' is the stage Staging there",
            "take the alias out, or give Staging another one in the policy",
            field="Staging",
        ),
    ]


# -- a freeze --------------------------------------------------------------------------------------

FROZEN = "freeze: {reason: audit, until: '2026-03-01'}"


def test_a_freeze() -> None:
    past = make_history(
        make_desired("stages: {}", FROZEN),
        make_desired("stages: {Production: 1}", FROZEN),
        base=BASE,
        state="known",
    )
    change = Change("transition", 1, None, "None", "Production")
    target = past.target
    assert target is not None
    assert list(
        refusals(target, past, make_observed(1), (change,), make_context(writing=True))
    ) == [
        Refusal(
            "frozen",
            "changes are frozen until 2026-03-01: audit",
            "wait for its end, or let the platform team lift it in the policy and make the change"
            " anew after that",
            "commit",
        )
    ]
    assert not list(refusals(target, past, make_observed(1), (change,), make_context())), (
        "what is only shown is not refused"
    )
    assert not list(
        refusals(
            target,
            past,
            make_observed(1),
            (replace(change, cause="drift"),),
            make_context(writing=True),
        )
    )


def test_a_freeze_holds_back_a_change_that_is_no_rollback_beside_one_that_is() -> None:
    past = returning(
        make_history(
            make_desired("stages: {}", FROZEN),
            make_desired("stages: {Production: 1, Staging: 2}", FROZEN),
            base=BASE,
            state="known",
        )
    )
    target = past.target
    assert target is not None
    changes = [
        Change("transition", v, None, "None", stage)
        for v, stage in ((1, "Production"), (2, "Staging"))
    ]
    first = ("Production", 1, NOW)
    for second, frozen in (
        ((), True),
        ((("Production", 2, NOW),), True),
        ((("Staging", 2, NOW),), False),
    ):
        context = make_context(reconciles=held(first, *second), writing=True)
        refused = list(refusals(target, past, make_observed(1, 2), changes, context))
        assert bool(refused) is frozen


def test_a_freeze_holds_back_what_only_words_change() -> None:
    """A tag or a description has no holder, so it is no rollback."""
    past = make_history(
        make_desired("stages: {}", FROZEN),
        make_desired("stages: {}\ntags: {a: x}", FROZEN),
        base=BASE,
        state="known",
    )
    target = past.target
    assert target is not None
    change = Change("set_tag", None, "a", None, "x")
    assert [
        r.code
        for r in refusals(target, past, make_observed(1), (change,), make_context(writing=True))
    ] == ["frozen"]
