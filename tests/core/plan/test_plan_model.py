"""A plan, field by field: each change with its cause and its commit, each stage with what becomes
of it (RULES R2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlflow_gitops.core.gates.change_approvals import Approvals
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.already_applied import already_applied_changes
from mlflow_gitops.core.plan.changes import departures
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.plan import Change, ModelPlan, StageChange, Sync
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.core.plan.stage_rows import desired_stages, observed_stages
from mlflow_gitops.core.recorded.values import Unreadable
from tests.support.core.evidence import FakeEvidence
from tests.support.core.one_model import (
    NOW,
    OWNER,
    make_desired,
    make_history,
    make_observed,
    make_version,
)
from tests.support.core.tenures import held

CANARY = "stages: {Canary: {alias: canary, native: false}, Production: {alias: production}}"


def commit(i: int) -> Commit:
    return Commit(f"{i:040x}", NOW, "A Person <a@example.org>", f"Commit {i}")


def since(*bodies: str, policy: str = "", entries: tuple[Entry, ...] = ()) -> ModelHistory:
    """The history from commit 0, its base, through one commit for each further body."""
    states = [make_desired(body, policy) for body in bodies]
    return replace(make_history(*states, base=commit(0).sha, state="known"), entries=entries)


def new(*bodies: str, policy: str = "") -> ModelHistory:
    """The history of a model that was never reconciled."""
    return make_history(*(make_desired(body, policy) for body in bodies))


def plan(
    past: ModelHistory, observed: ObservedModel | None, *, writing: bool = False, **evidence: Any
) -> ModelPlan:
    return plan_model(
        "m", past, observed, PlanContext(OWNER, NOW, FakeEvidence(**evidence), writing=writing)
    )


def told(changes: tuple[Change, ...]) -> list[tuple[object, ...]]:
    """Each change without what it is made from: action, version, key, before, after, cause, the
    commit's number."""
    return [
        (
            c.action,
            c.version,
            c.key,
            c.before,
            c.after,
            c.cause,
            int(c.commit.sha, 16) if c.commit else None,
        )
        for c in changes
    ]


# -- one model -------------------------------------------------------------------------------------


def test_a_plan_says_whose_it_is_and_what_is_and_shall_be() -> None:
    found = plan(
        since("stages: {Production: 1, Staging: null}"),
        make_observed(make_version(1, "Production"), make_version(2, "Archived")),
    )
    assert (found.model, found.file, found.base) == ("m", "registry/models/m.yaml", commit(0).sha)
    assert found.observed == {"Production": (1,), "Archived": (2,)}
    assert found.desired == {"Production": (1,), "Staging": ()}
    assert found.sync == "Synced" and not found.has_work and not found.refusals and not found.notes


@pytest.mark.parametrize(
    ("status", "notes"),
    [
        ("READY", ()),
        ("", ()),  # MLflow does not have it yet
        (
            "FAILED_REGISTRATION",
            (
                "1 in Production has the status FAILED_REGISTRATION in MLflow: its files may be"
                " missing",
            ),
        ),
        (
            "PENDING_REGISTRATION",
            (
                "1 in Production has the status PENDING_REGISTRATION in MLflow: its files may be"
                " missing",
            ),
        ),
    ],
)
def test_what_was_not_uploaded_whole_is_noted_in_a_stage_alone(
    status: str, notes: tuple[str, ...]
) -> None:
    first = replace(make_version(1, "Production"), status=status)
    other = replace(make_version(2, "None"), status="FAILED_REGISTRATION")
    assert plan(new("stages: {Production: 1}"), make_observed(first, other)).notes == notes


@pytest.mark.parametrize(
    ("past", "observed", "sync"),
    [
        (new("stages: {}"), None, "Missing"),
        (since("stages: {Production: 1}"), None, "Missing"),
        (
            since("stages: {Production: 1}", "stages: {Production: 2}"),
            make_observed(make_version(1, "Production"), 2),
            "Pending",
        ),
        (since("stages: {Production: 1}"), make_observed(1), "Drifted"),
        (
            since("stages: {Production: 1}\ntags: {a: x}", "stages: {Production: 2}\ntags: {a: x}"),
            make_observed(1, 2),
            "Drifted",
        ),
        (
            since("stages: {}\nversions: {1: {run_id: abc}}"),
            make_observed(1),
            "Drifted",
        ),  # another version under a pinned number
        (since("stages: {Production: 1}"), make_observed(make_version(1, "Production")), "Synced"),
        (since("stages: {}", "stages: {}"), make_observed(1), "Synced"),
    ],
)
def test_how_a_model_stands(past: ModelHistory, observed: ObservedModel | None, sync: Sync) -> None:
    assert plan(past, observed).sync == sync


@pytest.mark.parametrize("state", ["stale", "unknown", "lost"])
def test_a_base_that_is_not_known_leaves_the_model_as_it_is_shown(state: Any) -> None:
    past = make_history(make_desired("stages: {Production: 2}"), base=commit(7).sha, state=state)
    found = plan(past, make_observed(make_version(1, "Production"), 2), writing=True)
    assert (
        found.sync == "Unknown"
        and len(found.refusals) == 1
        and not found.changes
        and not found.stages
    )
    assert found.observed == {"Production": (1,)} and found.desired == {"Production": (2,)}
    assert found.base == commit(7).sha


# -- what MLflow and the manifest show -------------------------------------------------------------


def test_a_stage_of_the_teams_own_is_shown_by_its_alias() -> None:
    observed = make_observed(
        make_version(1, "Production"),
        make_version(3, "Production"),
        make_version(2, "Staging"),
        aliases={"canary": 2, "x": 1},
    )
    assert observed_stages(observed) == {"Production": (1, 3), "Staging": (2,)}
    assert observed_stages(observed, make_desired("stages: {}", CANARY)) == {
        "Production": (1, 3),
        "Staging": (2,),
        "Canary": (2,),
    }
    assert observed_stages(make_observed(1), make_desired("stages: {}", CANARY)) == {}, (
        "an empty stage is left out"
    )
    desired = make_desired("stages: {Archived: 5, Canary: 1, Production: [], Staging: 4}", CANARY)
    assert list(desired_stages(desired).items()) == [
        ("Production", ()), ("Staging", (4,)), ("Canary", (1,)), ("Archived", (5,)),
    ]  # fmt: skip


# -- changes ---------------------------------------------------------------------------------------


def test_a_new_model_is_made_by_the_commit_of_its_manifest() -> None:
    body = (
        "stages: {Staging: 1}\nversions: {1: {source: 'file:///1', tags: {a: x}, description:"
        " one}}\ntags: {b: z}"
    )
    past = make_history(None, make_desired(body), make_desired(body + "\ndescription: text"))
    planned = plan(past, None)
    assert told(planned.changes) == [
        ("create_model", None, None, None, "m", "commit", 1),
        ("register_version", 1, None, None, "file:///1", "commit", 1),
        ("set_description", 1, None, "", "one", "commit", 1),
        ("set_tag", 1, "a", None, "x", "commit", 1),
        ("transition", 1, None, "None", "Staging", "commit", 1),
        ("set_description", None, None, "", "text", "commit", 2),
        ("set_tag", None, "b", None, "z", "commit", 1),
    ]
    assert planned.changes[1].pin == VersionSpec(
        source="file:///1", tags={"a": "x"}, description="one"
    )


def test_a_version_that_was_registered_and_is_gone_is_drift() -> None:
    body = "stages: {}\nversions: {1: {source: 'file:///1'}}"
    assert told(plan(since(body, body), make_observed()).changes) == [
        ("register_version", 1, None, None, "file:///1", "drift", None),
    ]  # fmt: skip
    assert told(plan(since("stages: {}", body), make_observed()).changes) == [
        ("register_version", 1, None, None, "file:///1", "commit", 1),
    ]  # fmt: skip
    assert told(plan(new(body), make_observed()).changes)[0][5:] == ("commit", 0), (
        "no base, no drift"
    )
    gone = make_history(
        make_desired(body), None, make_desired(body), base=commit(0).sha, state="known"
    )
    assert told(plan(gone, make_observed()).changes)[0][5:] == (
        "commit",
        2,
    ), "a commit took it away in between"


def test_versions_without_a_source_are_not_registered() -> None:
    assert (
        plan(
            new("stages: {}\nversions: {1: {tags: {a: x}, description: text}}"), make_observed()
        ).changes
        == ()
    )


def test_what_is_wanted_of_a_version_that_mlflow_lacks_does_not_hide_the_rest() -> None:
    body = (
        "stages: {}\nversions: {1: {tags: {a: x}}, 2: {tags: {a: x}}, 3: {source: 'file:///3',"
        " tags: {a: x}}}"
    )
    assert [(c.action, c.version) for c in plan(new(body), make_observed(2)).changes] == [
        ("register_version", 3),
        ("set_tag", 2),
        ("set_tag", 3),
    ]


@pytest.mark.parametrize(
    ("body", "observed", "moves"),
    [
        ("stages: {}", make_version(1, "Staging"), [("Staging", "Archived")]),
        ("stages: {}", make_version(1, "Archived"), []),
        ("stages: {}", make_version(1, "None"), []),
        ("stages: {Canary: 1}", make_version(1, "Staging"), [("Staging", "None")]),
        ("stages: {Canary: 1}", make_version(1, "Archived"), []),
        ("stages: {Canary: 1, Staging: 1}", make_version(1, "None"), [("None", "Staging")]),
        ("stages: {Archived: 1}", make_version(1, "None"), [("None", "Archived")]),
        ("stages: {Archived: 1}", make_version(1, "Staging"), [("Staging", "Archived")]),
    ],
)
def test_where_a_version_goes(
    body: str, observed: ObservedVersion, moves: list[tuple[str, str]]
) -> None:
    """One that no native stage names leaves an active stage: to None if a stage of the team's own
    does, else to Archived."""
    changes = plan(new(body, policy=CANARY), make_observed(observed)).changes
    assert [(c.before, c.after) for c in changes if c.action == "transition"] == moves


def test_one_version_that_stays_does_not_keep_the_others() -> None:
    changes = plan(
        since("stages: {Production: 2}"),
        make_observed(
            make_version(1, "None"), make_version(2, "Production"), make_version(3, "Staging")
        ),
    )
    assert told(changes.changes) == [("transition", 3, None, "Staging", "Archived", "drift", None)]


def test_every_kind_of_field_is_set_and_taken_away() -> None:
    full = (
        "stages: {}\ndescription: d\ntags: {a: x}\naliases: {one: 1}\nversions: {1: {description:"
        " v, tags: {b: z}}}"
    )
    bare = "stages: {}"
    there = replace(
        make_observed(
            make_version(1, "None", description="v", tags={"b": "z", "byhand": "1"}),
            aliases={"one": 1, "byhand": 1},
            a="x",
        ),
        description="d",
    )
    assert told(plan(since(bare, full), make_observed(1)).changes) == [
        ("set_description", 1, None, "", "v", "commit", 1),
        ("set_tag", 1, "b", None, "z", "commit", 1),
        ("set_alias", None, "one", None, 1, "commit", 1),
        ("set_description", None, None, "", "d", "commit", 1),
        ("set_tag", None, "a", None, "x", "commit", 1),
    ]
    assert told(plan(since(full, bare), there).changes) == [
        ("set_description", 1, None, "v", "", "commit", 1),
        ("delete_tag", 1, "b", "z", None, "commit", 1),
        ("delete_alias", None, "one", 1, None, "commit", 1),
        ("set_description", None, None, "d", "", "commit", 1),
        ("delete_tag", None, "a", "x", None, "commit", 1),
    ], "what people added by hand stays"
    assert (
        plan(since(bare, full), there).changes == ()
        and plan(since(full, bare), make_observed(1)).changes == ()
    )


def test_what_differs_is_set_from_what_it_is() -> None:
    body = (
        "stages: {}\ndescription: d\ntags: {a: x}\naliases: {one: 1}\nversions: {1: {description:"
        " v, tags: {b: z}}}"
    )
    there = replace(
        make_observed(
            make_version(1, "None", description="w", tags={"b": "y"}),
            2,
            aliases={"one": 2},
            a="other",
        ),
        description="e",
    )
    assert told(plan(since(body), there).changes) == [
        ("set_description", 1, None, "w", "v", "drift", None),
        ("set_tag", 1, "b", "y", "z", "drift", None),
        ("set_alias", None, "one", 2, 1, "drift", None),
        ("set_description", None, None, "e", "d", "drift", None),
        ("set_tag", None, "a", "other", "x", "drift", None),
    ]


def test_the_alias_of_an_empty_stage_goes() -> None:
    past = since("stages: {Production: 1}", "stages: {Production: null}", policy=CANARY)
    there = make_observed(make_version(1, "Production"), aliases={"production": 1})
    assert told(plan(past, there).changes) == [
        ("transition", 1, None, "Production", "Archived", "commit", 1),
        ("delete_alias", None, "production", 1, None, "commit", 1),
    ]
    assert plan(past, make_observed(make_version(1, "Archived"))).changes == ()


def test_the_newest_commit_that_made_it_so_is_named() -> None:
    past = since(
        "stages: {Production: 1}",
        "stages: {Production: 2}",
        "stages: {Production: 1}",
        "stages: {Production: 2}",
    )
    [into, out] = plan(past, make_observed(make_version(1, "Production"), 2)).changes
    assert (into.version, into.commit) == (2, commit(3)) and (out.version, out.commit) == (
        1,
        commit(3),
    )


# -- stages ----------------------------------------------------------------------------------------


def rows(planned: ModelPlan) -> list[tuple[object, ...]]:
    return [
        (r.stage, r.before, r.after, r.cause, r.commit and int(r.commit.sha, 16), r.reason)
        for r in planned.stages
    ]


def test_a_stage_that_a_commit_changes() -> None:
    past = since(
        "stages: {Production: 1, Staging: 2}",
        "stages: {Production: 2}",
        "stages: {Production: 2}\ntags: {a: x}",
    )
    assert rows(
        plan(past, make_observed(make_version(1, "Production"), make_version(2, "Staging")))
    ) == [
        ("Production", (1,), (2,), "commit", 1, ""),
        ("Staging", (2,), (), "commit", 1, ""),
    ]


@pytest.mark.parametrize(
    ("body", "observed", "row"),
    [
        (
            "stages: {Production: 1}",
            make_observed(1, make_version(2, "Production")),
            (
                "Production",
                (2,),
                (1,),
                "1 was moved to None in MLflow, 2 was moved to Production in MLflow",
            ),
        ),
        (
            "stages: {Production: 1}",
            make_observed(make_version(1, "Production"), make_version(2, "Production")),
            ("Production", (1, 2), (1,), "2 was moved to Production in MLflow"),
        ),
        (
            "stages: {Production: [1, 2]}",
            make_observed(make_version(1, "Production"), make_version(2, "Archived")),
            ("Production", (1,), (1, 2), "2 was moved to Archived in MLflow"),
        ),
    ],
)
def test_a_stage_that_drifted_says_what_happened(
    body: str, observed: ObservedModel, row: tuple[object, ...]
) -> None:
    [found] = rows(plan(since(body), observed))
    assert (found[0], found[1], found[2], found[5]) == row and found[3:5] == ("drift", None)


def test_a_stage_of_the_teams_own_that_a_commit_changes() -> None:
    found = plan(
        since("stages: {Canary: 1}", "stages: {Canary: 2}", policy=CANARY),
        make_observed(1, 2, aliases={"canary": 1}),
    )
    assert rows(found) == [("Canary", (1,), (2,), "commit", 1, "")]
    assert found.observed == {"Canary": (1,)}


def test_a_stage_of_the_teams_own_that_drifted() -> None:
    past = since("stages: {Canary: 1, Production: 3}", policy=CANARY)
    there = make_observed(
        1, 2, make_version(3, "Production"), aliases={"canary": 2, "production": 3}
    )
    assert rows(plan(past, there)) == [
        (
            "Canary",
            (2,),
            (1,),
            "drift",
            None,
            "1 lost its alias in MLflow, 2 was moved to Canary in MLflow",
        ),
    ]
    assert rows(
        plan(past, make_observed(1, make_version(3, "Production"), aliases={"production": 3}))
    ) == [
        ("Canary", (), (1,), "drift", None, "1 lost its alias in MLflow"),
    ]


@pytest.mark.parametrize("policy", ["", CANARY])
def test_what_a_commit_changes_elsewhere_does_not_explain_a_drift(policy: str) -> None:
    """No text of the model, no other stage, and no tag with the name of the stage's alias."""
    past = since(
        "stages: {Production: 1, Archived: 3}",
        "stages: {Production: 1, Archived: 3, Staging: 2}\ndescription: new\ntags: {production: x}",
        policy=policy,
    )
    there = make_observed(
        1, 2, make_version(3, "Archived"), aliases={"production": 1} if policy else {}
    )
    assert rows(plan(past, there)) == [
        ("Production", (), (1,), "drift", None, "1 was moved to None in MLflow"),
        ("Staging", (), (2,), "commit", 1, ""),
    ]


def test_a_version_that_is_gone_was_moved_to_nothing() -> None:
    past = since("stages: {Production: 1}\nversions: {1: {source: 'file:///1'}}")
    [row] = rows(plan(past, make_observed()))
    assert row == ("Production", (), (1,), "drift", None, "1 was deleted in MLflow")


def test_archived_is_told_where_the_manifest_lists_it() -> None:
    past = since("stages: {Archived: 3}", "stages: {Archived: [1, 3]}")
    assert rows(
        plan(past, make_observed(1, make_version(2, "Archived"), make_version(3, "Archived")))
    ) == [
        ("Archived", (3,), (1, 3), "commit", 1, ""),
    ]
    assert (
        rows(
            plan(
                past,
                make_observed(
                    make_version(1, "Archived"),
                    make_version(2, "Archived"),
                    make_version(3, "Archived"),
                ),
            )
        )
        == []
    )


def test_one_stage_that_stays_does_not_hide_the_next() -> None:
    past = since("stages: {Production: 1}", "stages: {Production: 1, Staging: 2}")
    assert [
        row[0] for row in rows(plan(past, make_observed(make_version(1, "Production"), 2)))
    ] == ["Staging"]


# -- refusals and waits ----------------------------------------------------------------------------


def refused_entry(target: str = "Production", version: int = 2) -> Entry:
    """A version that nobody has pinned comes to a stage that wants it pinned."""
    rules = make_desired("stages: {}", "stages: {Production: {require: {pinned: true}}}").policy
    return Entry(target, version, commit(1), rules)


def test_while_a_gate_refuses_the_base_is_kept_up() -> None:
    past = since(
        "stages: {Production: 1}\ntags: {a: x}",
        "stages: {Production: 2}\ntags: {a: z}",
        entries=(refused_entry(),),
    )
    planned = plan(
        past,
        make_observed(1, make_version(2, "Production"), make_version(3, "Staging"), a="x"),
        writing=True,
    )
    assert [refusal.code for refusal in planned.refusals] == ["gate"] and not planned.stamps
    assert [(c.action, c.version, c.after, c.cause, c.applies) for c in planned.changes] == [
        ("set_tag", None, "z", "commit", False),
        ("transition", 1, "Production", "drift", True),
        ("transition", 2, "Archived", "drift", True),
        ("transition", 3, "Archived", "drift", True),
    ]
    assert rows(planned) == [
        (
            "Production",
            (2,),
            (1,),
            "drift",
            None,
            "1 was moved to None in MLflow, 2 was moved to Production in MLflow",
        ),
        ("Staging", (3,), (), "drift", None, "3 was moved to Staging in MLflow"),
    ]
    assert planned.sync == "Drifted" and planned.deferred is None


def test_a_base_that_would_be_refused_itself_is_not_kept_up() -> None:
    past = since("stages: {Production: 9}", "stages: {Production: 2}", entries=(refused_entry(),))
    planned = plan(past, make_observed(make_version(1, "Production"), 2), writing=True)
    assert {change.cause for change in planned.changes} == {"commit"} and not planned.applying


def test_a_freeze_does_not_keep_the_base_from_being_kept_up() -> None:
    frozen = "freeze: {reason: audit, until: '2026-03-01'}"
    past = since("stages: {Production: 1}", "stages: {Production: 2}", policy=frozen)
    planned = plan(past, make_observed(make_version(1, "Archived"), 2), writing=True)
    assert [refusal.code for refusal in planned.refusals] == ["frozen"]
    assert [(c.version, c.after) for c in planned.applying] == [(1, "Production")]


def test_a_plan_of_a_frozen_model_says_so_and_refuses_nothing() -> None:
    frozen = "freeze: {reason: audit, until: '2026-03-01'}"
    past = since("stages: {Production: 1}", "stages: {Production: 2}", policy=frozen)
    planned = plan(past, make_observed(make_version(1, "Production"), 2))
    assert planned.notes == ("changes are frozen until 2026-03-01: audit; reconcile will refuse",)
    assert not planned.refusals and planned.applying


def test_a_soak_defers_what_git_asks_for() -> None:
    rules = make_desired("stages: {}", "stages: {Production: {from: [Staging], soak: 3d}}").policy
    there = make_version(2, "Staging")
    stay = held(("Staging", 2, "2026-01-31T12:00:00Z"))
    entry = Entry("Production", 2, commit(1), rules, {"Staging": commit(0)})
    past = since("stages: {Production: 1, Staging: 2}", "stages: {Production: 2}", entries=(entry,))
    planned = plan(past, make_observed(1, there), writing=True, reconciles=stay)
    assert (
        planned.deferred == "2026-02-04T12:00:00Z" and not planned.refusals and not planned.stamps
    )
    assert [(c.version, c.after, c.applies) for c in planned.changes if c.cause == "drift"] == [
        (1, "Production", True)
    ]
    assert [(verdict.gate, verdict.status) for verdict in planned.gates] == [
        ("from", "passed"),
        ("soak", "waiting"),
    ]


def test_a_foreign_model_is_not_judged_at_all() -> None:
    def never(*about: object) -> Any:
        raise AssertionError("its gates are nobody's business here")

    past = since("stages: {}", "stages: {Production: 2}", entries=(refused_entry(),))
    for model in (
        make_observed(2, gitops_owner="f" * 40 + ":registry"),
        replace(make_observed(2), is_prompt=True),
    ):
        planned = plan(past, model, writing=True, messages=never)
        assert (
            not planned.gates
            and len(planned.refusals) == 1
            and not planned.people
            and not planned.already_applied
        )
        assert not planned.applying and planned.changes and not planned.notes


def test_drift_that_is_only_reported_says_why() -> None:
    past = since("stages: {Production: 1}", policy="drift: report")
    planned = plan(past, make_observed(1))
    assert planned.notes == ("drift is reported and left, as the policy says (drift: report)",)
    assert planned.sync == "Drifted" and not planned.applying and planned.changes
    refused = plan(
        since("stages: {Production: 1}\nversions: {1: {run_id: abc}}", policy="drift: report"),
        make_observed(1),
    )
    assert not refused.notes, "a refusal already says why nothing is done"


# -- who stands behind it --------------------------------------------------------------------------


def entering(version: int, made: Commit | None) -> Entry:
    return Entry("Production", version, made, Policy().for_model("m"))


def asking(answers: dict[str, Approvals | None]) -> tuple[list[tuple[str, str]], Any]:
    asked: list[tuple[str, str]] = []

    def approvals(made: Commit, file: str) -> Approvals | None:
        asked.append((made.sha, file))
        if made.sha not in answers:
            raise Unreadable("no access")
        return answers[made.sha]

    return asked, approvals


def test_whoever_stands_behind_a_making_commit_is_asked_for_once() -> None:
    one, two, three = (commit(i) for i in (1, 2, 3))
    two = two._replace(subject="Promote (#8)")
    entries = (
        entering(1, None),
        entering(2, one),
        entering(3, one),
        entering(4, two),
        entering(5, three),
    )
    past = since("stages: {}", "stages: {Production: [2, 3, 4, 5]}", entries=entries)
    asked, approvals = asking({one.sha: Approvals(("@b",), (), 7, "@c"), two.sha: None})
    planned = plan(past, make_observed(1, 2, 3, 4, 5), writing=True, approvals=approvals)
    assert planned.people == {
        one.sha: RecordedPeople(7, "api", "@c", ("@b",)),
        two.sha: RecordedPeople(8, "message"),
        three.sha: RecordedPeople(None, "message"),
    }
    assert asked == [(made.sha, "registry/models/m.yaml") for made in (one, two, three)]
    assert plan(past, make_observed(1, 2, 3, 4, 5), approvals=approvals).people == {}, (
        "a plan that is only shown makes no requests"
    )
    stamped = {(stamp.version, stamp.key): stamp.after for stamp in planned.stamps}
    assert (stamped[2, "gitops.approved_by"], stamped[2, "gitops.pr"]) == ("@b", "7")
    assert (stamped[None, "gitops.owner"], stamped[None, "gitops.at"]) == (OWNER, NOW)


def test_of_what_is_only_adopted_nobody_is_asked() -> None:
    one, two = commit(0), commit(1)
    past = new("stages: {Production: 1}", "stages: {Production: [1, 2]}")
    past = replace(past, entries=(entering(1, one), entering(2, two)))
    asked, approvals = asking({one.sha: Approvals(("@b",)), two.sha: Approvals(("@b",), (), 7)})
    planned = plan(
        past, make_observed(make_version(1, "Production"), 2), writing=True, approvals=approvals
    )
    assert planned.people == {
        one.sha: RecordedPeople(None, "message"),
        two.sha: RecordedPeople(7, "api", None, ("@b",)),
    }
    assert asked == [(two.sha, "registry/models/m.yaml")]
    empty = plan(past, make_observed(1, 2), writing=True, approvals=approvals)
    assert empty.people[one.sha].source == "api", "a stage that nobody holds adopts nothing"


def test_a_click_that_a_merge_followed_is_no_adoption() -> None:
    one = commit(1)
    past = since("stages: {}", "stages: {Production: 1}", entries=(entering(1, one),))
    _, approvals = asking({one.sha: Approvals(("@b",), (), 7)})
    assert (
        plan(past, make_observed(make_version(1, "Production")), writing=True, approvals=approvals)
        .people[one.sha]
        .source
        == "api"
    )


# -- what is done already --------------------------------------------------------------------------


def test_what_git_changed_and_mlflow_holds_already_is_found() -> None:
    past = since("stages: {Production: 1}", "stages: {Production: 2}\ntags: {a: x}")
    half = make_observed(make_version(1, "Production"), make_version(2, "Production"), a="x")
    planned = plan(past, half, writing=True)
    assert told(planned.already_applied) == [
        ("transition", 2, None, None, "Production", "commit", 1),
        ("set_tag", None, "a", None, "x", "commit", 1),
    ]
    assert [(c.version, c.after) for c in planned.changes] == [(1, "Archived")]
    assert plan(past, half).already_applied == (), "only in a plan that is made to be carried out"
    assert (
        already_applied_changes(past, None) == ()
        and already_applied_changes(
            since("stages: {Production: 1}"), make_observed(make_version(1, "Production"))
        )
        == ()
    )


def test_a_model_that_a_dead_run_made_is_found_as_made() -> None:
    body = "stages: {}\ntags: {a: x}\nversions: {1: {source: 'file:///1'}}"
    made = make_version(1, "None", source="file:///1", tags={"gitops.pin": "m/1"})
    planned = plan(new(body), make_observed(made, a="x"), writing=True)
    assert told(planned.already_applied) == [
        ("create_model", None, None, None, "m", "commit", 0),
        ("register_version", 1, None, None, "file:///1", "commit", 0),
        ("set_tag", None, "a", None, "x", "commit", 0),
    ]
    assert planned.changes == ()


# -- departures ------------------------------------------------------------------------------------


def test_departures_are_what_would_put_a_commit_back() -> None:
    desired: Desired = make_desired(
        "stages: {Production: 1}\ntags: {a: x}\nversions: {3: {source: 'file:///3'}}"
    )
    assert told(
        tuple(departures(desired, commit(4), make_observed(1, make_version(2, "Production"))))
    ) == [
        ("register_version", 3, None, None, "file:///3", "drift", None),
        ("transition", 1, None, "None", "Production", "drift", None),
        ("transition", 2, None, "Production", "Archived", "drift", None),
        ("set_tag", None, "a", None, "x", "drift", None),
    ]
    own = make_desired("stages: {Canary: 1}", CANARY)
    assert [(c.key, c.after, c.cause) for c in departures(own, commit(4), make_observed(1))] == [
        ("canary", 1, "drift")
    ]
    there = make_observed(make_version(1, "Production"), 3, a="x")
    assert departures(desired, commit(4), there) == []


def test_a_history_of_one_point_is_its_own_base() -> None:
    past = ModelHistory(
        commit(0).sha, "known", (Point(commit(0), make_desired("stages: {Production: 1}")),)
    )
    assert plan(past, make_observed(1)).stages == (
        StageChange("Production", (), (1,), "drift", None, "1 was moved to None in MLflow"),
    )
