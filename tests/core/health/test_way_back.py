"""What is done about a stage by its health, and by what was done before: nothing but values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_gitops.core.health import way_back
from mlflow_gitops.core.health.verdict import HealthState, HealthVerdict
from mlflow_gitops.core.health.way_back import EarlierHolder, StageSituation, Step, WatchedEntry

ENTERED, WINDOW_END = "2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z"
SECOND = HealthVerdict(
    "fraud",
    "Production",
    14,
    "unhealthy",
    "error_rate was 0.08 > 0.02 over 812 samples.",
    ENTERED,
    WINDOW_END,
    "2026-03-03T12:00:00Z",
    (),
    on_failure="propose",
)
ENTRY = WatchedEntry(14, ENTERED)
FIRST = EarlierHolder((12,), "its window ended well")


def kinds(situation: StageSituation, target: EarlierHolder | None = FIRST) -> list[str]:
    return [step.kind for step in way_back.steps(situation, lambda verdict: target)]


def situation(state: HealthState = "unhealthy", **more: object) -> StageSituation:
    verdict = replace(SECOND, state=state)
    return replace(StageSituation("fraud", "Production", verdict), **more)  # type: ignore[arg-type]


def test_an_unhealthy_version_is_proposed_to_be_rolled_back() -> None:
    steps = way_back.steps(situation(), lambda verdict: FIRST)
    assert steps == [Step("propose", SECOND.reason, FIRST)]
    assert kinds(situation(proposed=ENTRY)) == ["propose"], "it is brought up to date"


@pytest.mark.parametrize("state", ["waiting", "unknown"])
@pytest.mark.parametrize("proposed", [None, ENTRY])
@pytest.mark.parametrize("has_issue", [False, True])
def test_missing_data_changes_nothing(
    state: HealthState, proposed: WatchedEntry | None, has_issue: bool
) -> None:
    def never(verdict: HealthVerdict) -> EarlierHolder | None:
        raise AssertionError("nothing is looked for")

    steps = way_back.steps(situation(state, proposed=proposed, has_issue=has_issue), never)
    assert [step.kind for step in steps] == ["none"]


@pytest.mark.parametrize("state", ["waiting", "unknown", "unhealthy"])
def test_a_proposal_is_withdrawn_if_its_version_holds_the_stage_no_longer(
    state: HealthState,
) -> None:
    for other in (WatchedEntry(13, ENTERED), WatchedEntry(14, "2026-02-01T12:00:00Z")):
        assert kinds(situation(state, proposed=other))[0] == "withdraw"
    assert kinds(StageSituation("fraud", "Production", None, ENTRY, has_issue=True)) == [
        "withdraw",
        "close",
    ]
    assert kinds(StageSituation("fraud", "Production", None)) == ["none"]


def test_when_health_returns_everything_is_withdrawn() -> None:
    assert kinds(situation("healthy", proposed=ENTRY)) == ["withdraw"]
    assert kinds(situation("healthy", has_issue=True)) == ["close"]
    assert kinds(situation("healthy")) == ["none"]
    assert kinds(situation("healthy", proposed=WatchedEntry(13, ENTERED))) == ["withdraw"]


def test_what_a_person_closed_is_not_opened_again() -> None:
    assert kinds(situation(decided=[ENTRY])) == ["none"]
    [step] = way_back.steps(situation(decided=[ENTRY]), lambda verdict: FIRST)
    assert "was closed or merged" in step.reason
    assert kinds(situation(decided=[WatchedEntry(14, "2026-02-01T12:00:00Z")])) == ["propose"], (
        "that was another entry"
    )


def test_without_a_version_to_go_back_to_an_issue_says_so() -> None:
    [step] = way_back.steps(situation(), lambda verdict: None)
    assert step.kind == "report" and "No version is left" in step.reason
    assert kinds(situation(proposed=ENTRY), None) == ["withdraw", "report"]
    assert kinds(situation(has_issue=True)) == ["propose", "close"]


def test_a_policy_that_asks_for_reports_gets_an_issue() -> None:
    reported = replace(SECOND, on_failure="report")
    assert kinds(StageSituation("fraud", "Production", reported)) == ["report"]
    assert kinds(StageSituation("fraud", "Production", reported, ENTRY)) == ["withdraw", "report"]


def test_the_marker_is_read_at_the_beginning_alone() -> None:
    text = f"<!-- mlflow-gitops:{ENTRY.marker_key} -->\nText"
    assert way_back.entry_in(text) == ENTRY and way_back.without_marker(text) == "Text"
    assert way_back.entry_in(f"Text\n{text}") is None, "somebody may have quoted it"
    for other in ("<!-- mlflow-gitops:health 0 2026-03-01T12:00:00Z -->", "", "health 14"):
        assert way_back.entry_in(other) is None
