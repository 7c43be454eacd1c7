"""validate.yml, run by act: what it says of a pull request, on the pull request and in the job's summary."""

from __future__ import annotations

import pytest

from tests.workflows.conftest import Repo

pytestmark = pytest.mark.real


def test_a_bad_manifest_is_red_with_annotations(repo: Repo) -> None:
    number = repo.propose("bad", "{Production: three, Staging: 1}\nunknown: 1")
    run = repo.actions.pull_request(number, "opened")[0]
    assert (run.workflow, run.event, run.ok) == ("validate", "pull_request", False), run.log
    file = f"registry/models/{repo.model}.yaml"
    told = {
        (one["level"], one["file"], one["line"], one["title"])
        for one in run.job("validate").annotations
        if "file" in one
    }
    assert told == {("error", file, "2", "wrong-type"), ("error", file, "3", "unknown-field")}


def test_a_good_one_from_a_fork_is_green(repo: Repo) -> None:
    number = repo.propose("good", "{Staging: 1}")
    run = repo.actions.pull_request(number, "opened")[0]
    assert run.ok and run.job("validate").annotations == [], run.log
