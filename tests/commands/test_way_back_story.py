"""The way back as one story, with a real Prometheus: errors are injected, one pull request appears;
they go, it is withdrawn; they come back, it is merged, and the old version is back for good."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.github.job import as_a_job
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.health.ward import BRANCH, Ward
from tests.support.prometheus import Exporter, exporter, prometheus, wait_for
from tests.support.team import Ran, Team

POLICY = """\
stages:
  Production:
    alias: production
    health:
      window: 3s
      on_failure: propose
      minimum_samples: 500
      samples: {prometheus: 'requests{model="$model",version="$version"}'}
      checks:
        error_rate:
          {prometheus: 'error_rate{model="$model",version="$version"}', max: 0.02, failures: 2, every: 1s}
"""  # noqa: E501
QUERY = 'error_rate{{model="churn",version="{}"}}'


class Story:
    """What the service shows of versions 1 and 2, and what Prometheus has of it."""

    def __init__(self, ward: Ward, service: Exporter, address: str) -> None:
        self.ward = ward
        self._service = service
        self._address = address
        self._rates = {1: 0.001, 2: 0.001}

    def errors(self, version: int, rate: float) -> None:
        """From now on, this share of a version's requests fails."""
        self._rates[version] = rate
        lines = [f'requests{{model="churn",version="{v}"}} 812' for v in self._rates]
        lines += [f'error_rate{{model="churn",version="{v}"}} {r}' for v, r in self._rates.items()]
        self._service.show("\n".join(lines) + "\n")
        wait_for(self._address, QUERY.format(version), rate)

    def until(self, word: str) -> Ran:
        """Run until something comes to this."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            ran = self.ward.look()
            if word in ran.out:
                return ran
            time.sleep(0.2)
        raise AssertionError(f"it never came to {word}: {ran.out}{ran.err}")

    def is_healthy(self, version: int) -> None:
        """Wait until the window of a version ended well."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            ran = self.ward.team.run("health", "--format", "json")
            states = {each["version"]: each["state"] for each in ran.json["verdicts"]}
            if states == {version: "healthy"}:
                return
            time.sleep(0.2)
        raise AssertionError(f"{version} is not healthy: {ran.out}{ran.err}")


@pytest.mark.real
@pytest.mark.weekly  # the capstone tells the same story in each run of CI
def test_errors_bring_the_old_version_back(
    tmp_path: Path, blank_registry: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    uri = blank_registry(tmp_path / "mlflow.db")
    client = MlflowClient(uri)
    client.create_registered_model("churn")
    for _ in range(2):
        client.create_model_version("churn", "s3://models/churn", await_creation_for=0)
    team = Team(tmp_path / "clone", uri)
    team.write("policy.yaml", POLICY)
    team.commit("First", churn="stages: {Production: 1}\n")
    team.git("remote", "add", "origin", str(Repository(tmp_path / "hub").path))
    team.git("push", "-q", "origin", "main")
    with (
        GitHubAPI(Repository(tmp_path / "hub")).serving() as api,
        exporter(tmp_path / "service") as service,
        prometheus(tmp_path / "prometheus", [service.target]) as address,
    ):
        as_a_job(api, tmp_path, monkeypatch)
        monkeypatch.setenv("MLFLOW_GITOPS_PROMETHEUS_URL", address)
        _tell(Story(Ward(tmp_path, api, days=0), service, address))


def _tell(story: Story) -> None:
    ward = story.ward
    story.errors(1, 0.001)
    ward.team.reconcile("--push-receipts")
    story.is_healthy(1)
    ward.main("Second", churn="stages: {Production: 2}\n")
    ward.team.reconcile("--push-receipts")

    story.errors(2, 0.08)
    story.until("opened")
    pull = ward.pull()
    assert pull.title == "Roll churn Production back to 1" and "0.08" in pull.body
    assert ward.writes()[1] == 0 and "unchanged" in ward.look().out, "it appears once"

    story.errors(2, 0.001)
    story.until("withdrawn")
    assert pull.state == "closed" and not ward.repo.tip(f"refs/heads/{BRANCH}")

    story.errors(2, 0.09)
    story.until("opened")
    ward.repo.merge(ward.pull().number, "squash", by="ada")
    ward.main()
    ward.team.reconcile("--push-receipts")
    assert int(ward.client.get_model_version_by_alias("churn", "production").version) == 1
    for command in (("log",), ("show", "churn")):
        assert "2 was unhealthy in Production" in ward.team.run(*command).out

    story.errors(1, 0.07)
    ran = story.until("reported")
    assert "No version is left" in ran.out and not ward.open_pulls(), "2 was rolled back"
