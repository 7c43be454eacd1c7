"""GitHub's own descriptions of its APIs hold for the GitHub of the tests: each request and each
answer of the tests named here is checked, and each query by the public GraphQL schema. What a
description does not know fails: a path, a parameter, a field of a body or of an answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.description import packages
from tests.support.description.operations import Exchange

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("described")]

ROOT = Path(__file__).parents[3]
USES = (
    "tests/edges/github",
    "tests/edges/test_forge_contract.py",
    "tests/commands/github/test_plan.py",
    "tests/commands/github/test_drift.py",
    "tests/commands/github/test_permissions.py",
    "tests/recorded",
)
"""Tests that make every kind of request. The workflows' stories are checked where they run."""


@pytest.mark.weekly  # the stories of the workflows are checked with each change
def test_requests_and_answers_are_as_described() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not real", "-p", "no:cacheprovider", *USES],
        cwd=ROOT,
        env=os.environ | packages.variables(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]


USER = {"login": "ada"}
BAD = {
    "an unknown path": Exchange("GET", "/repos/a/b/approvals", None, 200, []),
    "an unknown method": Exchange("DELETE", "/repos/a/b/pulls/1", None, 204, None),
    "an unknown parameter": Exchange("GET", "/repos/a/b/pulls?author=ada", None, 200, []),
    "a parameter of another type": Exchange("GET", "/repos/a/b/pulls?page=x", None, 200, []),
    "a field that is missing": Exchange("POST", "/repos/a/b/pulls", {"head": "x"}, 403, {}),
    "a field that is unknown": Exchange(
        "POST", "/repos/a/b/git/refs", {"ref": "r", "sha": "s", "force": True}, 409, {}
    ),
    "an answer of another form": Exchange("GET", "/repos/a/b/pulls", None, 200, {}),
    "an answer without what it must have": Exchange("GET", "/users/ada", None, 200, USER),
    "an answer with more than it has": Exchange(
        "GET",
        "/repos/a/b/git/trees/x",
        None,
        200,
        {"sha": "x", "truncated": False, "tree": [], "x": 1},
    ),
    "an answer to nothing": Exchange("POST", "/repos/a/b/dispatches", {"event_type": "x"}, 204, {}),
    "an error of another form": Exchange("GET", "/repos/a/b/pulls", None, 404, {"error": "x"}),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_described_is_found(case: str) -> None:
    assert list(packages.rest().violations(BAD[case]))


GOOD = {
    "a tree": Exchange(
        "GET",
        "/repos/a/b/git/trees/x?recursive=1",
        None,
        200,
        {"sha": "x", "truncated": False, "tree": []},
    ),
    "a path with slashes": Exchange(
        "GET", "/repos/a/b/contents/c/d.yaml?ref=main", None, 404, {"message": "Not Found"}
    ),
    "a repository by its id": Exchange("GET", "/repositories/1/pulls?state=all", None, 200, []),
    "a redirect": Exchange("POST", "/repos/a/b/pulls", {"head": "h", "base": "b"}, 307, {}),
}


@pytest.mark.parametrize("case", GOOD)
def test_what_is_described_passes(case: str) -> None:
    assert list(packages.rest().violations(GOOD[case])) == []
