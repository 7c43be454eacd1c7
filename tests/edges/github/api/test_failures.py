"""GitHub's refusals in words: rate limits with their own time."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest

from mlflow_gitops.core.times import format_time
from mlflow_gitops.errors import ForgeFailure
from tests.support.github.desk import Desk

SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."
RESET = str(int(time.time()) + 3000)


def failing(desk: Desk) -> ForgeFailure:
    with pytest.raises(ForgeFailure) as failed:
        desk.github().statuses("main")
    assert failed.value.is_lasting
    return failed.value


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("message", [SECONDARY, "Abuse detection", "API rate limit exceeded."])
def test_an_answers_own_time_counts(desk: Desk, status: int, message: str) -> None:
    desk.api.fail(
        "/status", status, message, Retry_After="600", X_RateLimit_Reset=RESET,
        X_RateLimit_Remaining="0",
    )  # fmt: skip
    before = int(time.time())
    said = str(failing(desk))
    moments = {format_time(before + 600 + late) for late in range(60)}
    assert any(f"rate limit is used up until {moment};" in said for moment in moments), said


def test_its_time_may_be_a_date(desk: Desk) -> None:
    at = int(time.time()) + 1234
    desk.api.fail("/status", 429, "Slow down", Retry_After=formatdate(at, usegmt=True))
    assert f"until {format_time(at)};" in str(failing(desk))


@pytest.mark.parametrize("headers", [{}, {"Retry_After": "soon"}, {"X_RateLimit_Reset": "x"}])
def test_without_a_time_it_is_a_minute(desk: Desk, headers: dict[str, str]) -> None:
    headers = {"X_RateLimit_Remaining": "4000", "X_RateLimit_Reset": RESET} | headers
    desk.api.fail("/status", 403, SECONDARY, **headers)
    assert "used up for a minute or longer; nothing was done" in str(failing(desk))


def test_graphql_reports_a_limit_in_a_good_answer(desk: Desk) -> None:
    body = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded for user 1"}]}
    desk.api.send("POST /graphql", json.dumps(body), X_RateLimit_Reset=RESET)
    with pytest.raises(ForgeFailure) as failed:
        desk.github().issue("drift", "Drift", "page")
    assert failed.value.is_lasting and format_time(int(RESET)) in str(failed.value)


def test_other_errors_of_graphql_are_in_words(desk: Desk) -> None:
    body = {"data": {"viewer": None}, "errors": [{"message": "Something went wrong"}]}
    desk.api.send("POST /graphql", json.dumps(body))
    with pytest.raises(ForgeFailure, match=r"\(400: Something went wrong\)\."):
        desk.github().issue("drift", "Drift", "page")
