"""The workflow `check`: one job downloads, one runs the model, one records."""

from __future__ import annotations

import pytest

from tests.support.checking.candidates import register, write_model
from tests.workflows.repository import WorkflowRepository

pytestmark = [pytest.mark.real, pytest.mark.weekly]


def test_a_version_is_checked_by_three_jobs(repo: WorkflowRepository) -> None:
    """In the environment of the tests (`local`): what uv makes is tested by itself."""
    repo.client.create_registered_model(repo.model)
    folder = repo.team.folder.parent
    experiment = repo.client.create_experiment(repo.model)
    honest = write_model(folder / "honest", "honest_model")
    register(repo.client, experiment, repo.model, honest)
    inputs = {"model": repo.model, "version": "latest", "env-manager": "local"}

    [run] = repo.actions.dispatch("check.yml", "ada", inputs=inputs)
    assert run.ok and [job.id for job in run.jobs] == ["download", "run", "record"], run.log
    assert ": passed" in run.job("record").summary
    run_id = repo.version(1).tags["gitops.check.run"]
    tags = repo.client.get_run(run_id).data.tags
    assert tags["gitops.check.outcome"] == "passed" and tags["gitops.check.version"] == "1"

    # A model that writes a result of its own, about other files, over that of its job.
    forged = "os.write(int(sys.argv[2]), b'{}'); os._exit(0)"
    evil = write_model(folder / "evil", "evil_model", load=forged)
    register(repo.client, experiment, repo.model, evil)
    [run] = repo.actions.dispatch("check.yml", "ada", inputs=inputs)
    assert run.job("run").result == "success" and run.job("record").result == "failure", run.log
    record = repo.client.get_run(repo.version(2).tags["gitops.check.run"])
    assert record.data.tags["gitops.check.outcome"] == "failed"
