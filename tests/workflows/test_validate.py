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


def test_a_good_one_is_green_and_its_stage_changes_are_told(repo: Repo) -> None:
    number = repo.propose("good", "{Staging: 1}")
    run = repo.actions.pull_request(number, "opened")[0]
    job = run.job("validate")
    assert run.ok and job.annotations == [], run.log
    assert repo.model in job.summary and "Staging" in job.summary and "Merge" in job.summary, job.summary


def test_a_fork_and_a_group_are_checked_alike(repo: Repo) -> None:
    one = repo.propose("one", "{Staging: 1}")
    fork = repo.fork("mallory", "two", "{Production: 1}", model="fraud")
    run = repo.actions.pull_request(fork, "opened")[0]
    assert run.ok and "fraud" in run.job("validate").summary and repo.model not in run.job("validate").summary, run.log
    _, runs = repo.actions.merge_group(one, fork)
    assert (runs[0].workflow, runs[0].event, runs[0].ok) == ("validate", "merge_group", True), runs[0].log
    assert "fraud" in runs[0].job("validate").summary and repo.model in runs[0].job("validate").summary
