"""What the stamps in MLflow say about where a thing came from (DESIGN §6, RULES R3, R5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_gitops.core.history.base import BaseState
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.people import RecordedPeople
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.stamps import stamps
from tests.support.core.one_model import OWNER, make_desired

NOW = "2026-02-01T12:00:00Z"
AUTHOR = "A Person <a@example.org>"


def sha(number: int) -> str:
    return f"{number:040x}"


def commit(number: int, subject: str = "Promote") -> Commit:
    return Commit(sha(number), f"2026-01-0{number}T00:00:00Z", AUTHOR, subject)


def history(
    *bodies: str | None, base: int | None = 1, subject: str = "Promote", dirty: bool = False
) -> ModelHistory:
    """The states of the commits 1, 2, 3 …; the last is the working tree's where that is `dirty`."""
    points = [
        Point(commit(i, subject), make_desired(body) if body is not None else None)
        for i, body in enumerate(bodies, 1)
    ]
    if dirty:
        points[-1] = Point(None, points[-1].desired)
    state: BaseState = "known" if base else "none"
    return ModelHistory(sha(base) if base else None, state, tuple(points))


def seen(
    *versions: int, owner: str | None = OWNER, tags: dict[int, dict[str, str]] | None = None
) -> ObservedModel:
    known = {v: ObservedVersion(v, tags=(tags or {}).get(v, {})) for v in versions}
    return ObservedModel("m", tags={"gitops.owner": owner} if owner else {}, versions=known)


def told(
    past: ModelHistory, observed: ObservedModel
) -> list[tuple[int | None, str | None, object]]:
    assert past.target is not None
    return [(c.version, c.key, c.after) for c in stamps(past.target, past, observed, OWNER, NOW)]


def model(number: int) -> list[tuple[int | None, str | None, object]]:
    return [(None, "gitops.at", NOW), (None, "gitops.commit", sha(number))]


def of(version: int, number: int, *stages: str) -> list[tuple[int | None, str | None, object]]:
    plain: list[tuple[int | None, str | None, object]] = [
        (version, "gitops.commit", sha(number)),
        (version, "gitops.author", AUTHOR),
    ]
    return plain + [(version, f"gitops.held.{stage}", f"{sha(number)}@{NOW}") for stage in stages]


def test_a_promotion_and_what_it_displaces() -> None:
    past = history("stages: {Production: 12, Staging: 14}", "stages: {Production: 14}")
    assert told(past, seen(12, 14)) == [*of(12, 2), *of(14, 2, "Production"), *model(2)]


def test_adoption_stamps_what_mlflow_shows() -> None:
    past = history("stages: {Production: 1, Staging: 2, Archived: 3}", base=None)
    expected = [*of(1, 1, "Production"), *of(2, 1, "Staging"), *of(3, 1)]
    assert told(past, seen(1, 2, 3, 4, owner=None)) == [
        *expected,
        (None, "gitops.owner", OWNER),
        *model(1),
    ]


def test_a_version_is_stamped_with_the_commit_that_put_it_there() -> None:
    """Several merges may be reconciled in one run (RULES R1)."""
    past = history(
        "stages: {}",
        "stages: {Staging: 2}",
        "stages: {Staging: 2, Production: 1}",
        "stages: {Staging: 2, Production: 1}\ntags: {a: x}",
    )
    assert told(past, seen(1, 2)) == [*of(1, 3, "Production"), *of(2, 2, "Staging"), *model(4)]


def test_a_version_that_came_back_with_its_manifest_is_held_since_then() -> None:
    past = history("stages: {Production: 1}", None, "stages: {Production: 1}")
    assert told(past, seen(1)) == [*of(1, 3, "Production"), *model(3)]


def test_a_stage_of_the_teams_own_is_held_too() -> None:
    policy = "stages: {Canary: {alias: canary, native: false}}"
    points = (
        Point(commit(1), make_desired("stages: {}", policy)),
        Point(commit(2), make_desired("stages: {Canary: 1, Production: 1}", policy)),
    )
    past = ModelHistory(sha(1), "known", points)
    assert told(past, seen(1)) == [*of(1, 2, "Production", "Canary"), *model(2)]


def test_each_of_several_stages_is_held_and_time_in_one_goes_on_when_another_is_entered() -> None:
    policy = (
        "stages: {Canary: {alias: canary, native: false}, Shadow: {alias: shadow, native: false}}"
    )
    bodies = (
        "stages: {}",
        "stages: {Staging: 1, Shadow: 1}",
        "stages: {Staging: 1, Canary: 1, Shadow: 1}",
    )
    points = tuple(Point(commit(i), make_desired(body, policy)) for i, body in enumerate(bodies, 1))
    at_once = ModelHistory(sha(1), "known", points)
    held = [
        (1, f"gitops.held.{stage}", f"{sha(i)}@{NOW}")
        for stage, i in (("Staging", 2), ("Canary", 3), ("Shadow", 2))
    ]
    assert told(at_once, seen(1)) == [*of(1, 3), *held, *model(3)]
    earlier = {
        "gitops.held.Staging": f"{sha(2)}@2026-01-02T00:00:00Z",
        "gitops.held.Shadow": f"{sha(2)}@2026-01-02T00:00:00Z",
    }
    in_turn = ModelHistory(sha(2), "known", points[1:])
    assert told(in_turn, seen(1, tags={1: earlier})) == [*of(1, 3, "Canary"), *model(3)]


def test_a_rollback_renews_what_the_version_held() -> None:
    past = history("stages: {Production: 1}", "stages: {Production: 2}", "stages: {Production: 1}")
    before = {
        1: {"gitops.held.Production": f"{sha(1)}@2026-01-01T00:00:00Z", "gitops.commit": sha(1)}
    }
    # 2 held it in between, and a reconcile that crashed may have put it there.
    assert told(past, seen(1, 2, tags=before)) == [*of(1, 3, "Production"), *of(2, 3), *model(3)]


def test_what_stands_already_is_not_written_again() -> None:
    past = history("stages: {}", "stages: {Production: 1}")
    stamped = {
        "gitops.commit": sha(2),
        "gitops.author": AUTHOR,
        "gitops.held.Production": f"{sha(2)}@2026-01-05T00:00:00Z",
    }
    assert told(past, seen(1, tags={1: stamped})) == model(2)
    for left_out in stamped:
        half = {key: value for key, value in stamped.items() if key != left_out}
        after_a_crash = told(past, seen(1, tags={1: half}))
        assert [key for version, key, _ in after_a_crash if version] == [left_out]


def test_the_pull_request_of_the_subject_and_no_longer_of_an_earlier_one() -> None:
    numbered = history("stages: {}", "stages: {Production: 1}", subject="Promote (#128)")
    assert (1, "gitops.pr", "128 (claimed)") in told(numbered, seen(1))
    plain = history("stages: {}", "stages: {Production: 1}")
    observed = seen(1, tags={1: {"gitops.pr": "7"}})
    assert plain.target is not None
    found = list(stamps(plain.target, plain, observed, OWNER, NOW))
    assert Change("delete_tag", 1, "gitops.pr", "7", None) in found
    assert not any(
        change.key == "gitops.pr" for change in stamps(plain.target, plain, seen(1), OWNER, NOW)
    )


@pytest.mark.parametrize(
    "past",
    [
        history("stages: {Production: 1}", "stages: {Production: 2}", dirty=True),
        history("stages: {Production: 2}", base=None, dirty=True),
        history("stages: {Production: 1}"),
        history("stages: {Production: 1}", "stages: {Production: 1}"),
    ],
    ids=["dirty", "dirty and new", "nothing since the base", "git moved elsewhere"],
)
def test_nothing_is_stamped(past: ModelHistory) -> None:
    assert told(past, seen(1, 2)) == []


def test_what_was_declared_and_reverted_still_moves_the_base() -> None:
    past = history(
        "stages: {Production: 1}",
        "stages: {Production: 1}\ntags: {a: x}",
        "stages: {Production: 1}",
    )
    assert told(past, seen(1)) == model(3)


def test_a_version_that_mlflow_lacks_is_stamped_only_if_it_will_be_registered() -> None:
    past = history("stages: {}", "stages: {Staging: 2}\nversions: {2: {source: 'file:///2'}}")
    assert told(past, seen(1)) == [*of(2, 2, "Staging"), *model(2)]
    gone = history("stages: {Staging: 2, Production: 1}", "stages: {Production: 1}")
    assert told(gone, seen(1)) == model(2), "a deleted version has nowhere to be stamped"


@pytest.mark.parametrize("owner", [None, "f" * 40 + ":elsewhere"])
def test_the_owner_is_stamped_where_it_is_another_and_commit_comes_last(owner: str | None) -> None:
    past = history("stages: {}", "stages: {Production: 1}")
    observed = replace(seen(1, owner=owner))
    assert past.target is not None
    found = list(stamps(past.target, past, observed, OWNER, NOW))
    assert [(change.key, change.before) for change in found if change.version is None] == [
        ("gitops.owner", owner),
        ("gitops.at", None),
        ("gitops.commit", None),
    ]
    assert found[-1] == Change("set_tag", None, "gitops.commit", None, sha(2))


@pytest.mark.parametrize(
    ("address", "before", "is_written"),
    [
        ("github.com/acme/models", None, True),
        ("github.com/acme/models", "github.com/acme/old", True),
        ("github.com/acme/models", "github.com/acme/models", False),
        ("", "github.com/acme/old", False),
    ],
)
def test_the_repositorys_address_is_stamped(
    address: str, before: str | None, is_written: bool
) -> None:
    past = history("stages: {}", "stages: {Production: 1}")
    assert past.target is not None
    observed = seen(1, owner=OWNER)
    if before is not None:
        observed = replace(observed, tags={**observed.tags, "gitops.repository": before})
    found = list(stamps(past.target, past, observed, OWNER, NOW, find_repository=lambda: address))
    change = Change("set_tag", None, "gitops.repository", before, address)
    assert (change in found) is is_written
    assert found[-1].key == "gitops.commit"


SAID = RecordedPeople(12, "api", "@carol", ("@bob", "@dora"))
EARLIER = {"gitops.pr": "3", "gitops.approved_by": "@eve"}
BEHIND = [("gitops.pr", "12"), ("gitops.approved_by", "@bob, @dora")]


def behind(
    tags: dict[str, str], known: RecordedPeople | None, subject: str = "Promote"
) -> list[tuple[str | None, object]]:
    """What is stamped on version 1 of its pull request, where commit 2 puts it into Production."""
    past = history("stages: {}", "stages: {Production: 1}", subject=subject)
    assert past.target is not None
    people = {sha(2): known} if known else {}
    changes = stamps(past.target, past, seen(1, tags={1: tags}), OWNER, NOW, people)
    return [
        (c.key, c.after)
        for c in changes
        if c.version == 1 and c.key in ("gitops.pr", "gitops.approved_by")
    ]


@pytest.mark.parametrize(
    ("tags", "known", "subject", "wanted"),
    [
        ({}, SAID, "Promote", BEHIND),
        ({}, SAID, "Promote (#7)", BEHIND),
        ({}, RecordedPeople(7, "message"), "Promote (#7)", [("gitops.pr", "7 (claimed)")]),
        ({}, None, "Promote (#7)", [("gitops.pr", "7 (claimed)")]),
        # What an earlier commit's stamps said goes.
        (EARLIER, SAID, "Promote", BEHIND),
        (
            EARLIER,
            None,
            "Promote (#7)",
            [("gitops.pr", "7 (claimed)"), ("gitops.approved_by", None)],
        ),
        (EARLIER, None, "Promote", [("gitops.pr", None), ("gitops.approved_by", None)]),
        # GitHub knows better than the stamps of this very commit, a silent one does not.
        ({"gitops.commit": sha(2), "gitops.pr": "7"}, SAID, "Promote (#7)", BEHIND),
        (
            {"gitops.commit": sha(2), "gitops.pr": "7"},
            RecordedPeople(None, "api"),
            "Promote (#7)",
            [("gitops.pr", None)],
        ),
        (
            {"gitops.commit": sha(2), "gitops.pr": "12", "gitops.approved_by": "@bob"},
            None,
            "Promote (#7)",
            [],
        ),
        (
            {"gitops.commit": sha(2), "gitops.pr": "12", "gitops.approved_by": "@bob"},
            RecordedPeople(7, "message"),
            "Promote (#7)",
            [],
        ),
        ({"gitops.commit": sha(2)}, None, "Promote (#7)", [("gitops.pr", "7 (claimed)")]),
        ({"gitops.commit": sha(2)} | dict(BEHIND), SAID, "Promote (#7)", []),
    ],
)
def test_the_pull_request_and_its_approvers(
    tags: dict[str, str],
    known: RecordedPeople | None,
    subject: str,
    wanted: list[tuple[str, object]],
) -> None:
    assert behind(tags, known, subject) == wanted


def test_whose_stamps_they_are_is_said_after_them() -> None:
    past = history("stages: {}", "stages: {Production: 1}")
    assert past.target is not None
    changes = list(
        stamps(past.target, past, seen(1, tags={1: {"gitops.pr": "3"}}), OWNER, NOW, {sha(2): SAID})
    )
    keys = [c.key for c in changes if c.version == 1]
    assert keys[:3] == [
        "gitops.pr",
        "gitops.approved_by",
        "gitops.commit",
    ], "a run that dies between them leaves no lie"


def test_a_stamp_is_written_over_what_stood_there() -> None:
    past = history("stages: {}", "stages: {Production: 1}", subject="Promote (#9)")
    before = {
        "gitops.commit": sha(1), "gitops.author": "B <b@example.org>",
        "gitops.held.Production": f"{sha(1)}@then",
        "gitops.pr": "7", "gitops.approved_by": "@eve",
    }  # fmt: skip
    observed = seen(1, owner="else", tags={1: before})
    observed = replace(
        observed, tags={**observed.tags, "gitops.at": "then", "gitops.commit": sha(1)}
    )
    assert past.target is not None
    assert list(stamps(past.target, past, observed, OWNER, NOW)) == [
        Change("set_tag", 1, "gitops.pr", "7", "9 (claimed)"),
        Change("delete_tag", 1, "gitops.approved_by", "@eve", None),
        Change("set_tag", 1, "gitops.commit", sha(1), sha(2)),
        Change("set_tag", 1, "gitops.author", "B <b@example.org>", AUTHOR),
        Change("set_tag", 1, "gitops.held.Production", f"{sha(1)}@then", f"{sha(2)}@{NOW}"),
        Change("set_tag", None, "gitops.owner", "else", OWNER),
        Change("set_tag", None, "gitops.at", "then", NOW),
        Change("set_tag", None, "gitops.commit", sha(1), sha(2)),
    ]


def test_a_version_without_stamps_gets_them_from_nothing() -> None:
    past = history("stages: {}", "stages: {Production: 1}", subject="Promote (#9)")
    assert past.target is not None
    first = list(stamps(past.target, past, seen(1, owner=None), OWNER, NOW))
    assert all(change.before is None and change.action == "set_tag" for change in first)


def test_people_of_another_commit_do_not_stand_behind_this_one() -> None:
    past = history("stages: {}", "stages: {Production: 1}")
    assert past.target is not None
    changes = stamps(past.target, past, seen(1), OWNER, NOW, {sha(1): SAID})
    assert not [change for change in changes if change.key in ("gitops.pr", "gitops.approved_by")]


def test_a_version_that_left_a_stage_of_the_teams_own_is_stamped_too() -> None:
    policy = "stages: {Canary: {alias: canary, native: false}}"
    points = tuple(
        Point(commit(i), make_desired(body, policy))
        for i, body in enumerate(("stages: {Canary: 1}", "stages: {Canary: 2}"), 1)
    )
    past = ModelHistory(sha(1), "known", points)
    assert told(past, seen(1, 2)) == [*of(1, 2), *of(2, 2, "Canary"), *model(2)]
