"""Evidence that is not of the files that will be served, or that came too late. Mallory trains: she
may write to an experiment, and registers versions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.attacks.company import MODEL, POLICY, Company

ACCURACY = POLICY.replace(
    "approvals: 1, require: {tags: {validation: passed}}",
    "require: {metrics: {accuracy: {min: 0.9}}}",
)
ON_HOLDOUT = ACCURACY.replace("min: 0.9", "min: 0.9, dataset: d1")


class Mallory:
    """Logs runs and models, and registers what she likes."""

    def __init__(self, company: Company, policy: str = ACCURACY) -> None:
        company.approve_policy(policy)
        self.client = company.client
        self._experiment = self.client.create_experiment("training")

    def run(self, accuracy: float, **dataset: str) -> str:
        run_id = str(self.client.create_run(self._experiment).info.run_id)
        self.client.log_metric(run_id, "accuracy", accuracy, **dataset)  # type: ignore[arg-type]
        return run_id

    def artifacts(self, run_id: str) -> str:
        return f"{self.client.get_run(run_id).info.artifact_uri}/model"

    def logged_model(self, run_id: str) -> Any:
        made = self.client.create_logged_model(self._experiment, "model", source_run_id=run_id)
        return self.client.finalize_logged_model(made.model_id, "READY")

    def register(self, source: str, run_id: str | None = None) -> None:
        """Register version 4."""
        self.client.create_model_version(MODEL, source, run_id, await_creation_for=0)


def promoted(company: Company, version: int = 4, more: str = "") -> str:
    """Why a promotion is refused."""
    company.merge(company.propose(version, more=more))
    return company.refused()


@pytest.mark.parametrize("source", ["logged model", "artifacts", "outside MLflow"])
def test_run_of_another_model(company: Company, source: str) -> None:
    """The version names a good run beside the files of a bad one."""
    mallory = Mallory(company)
    good, bad = mallory.run(0.99), mallory.run(0.1)
    sources = {
        "logged model": lambda: f"models:/{mallory.logged_model(bad).model_id}",
        "artifacts": lambda: f"runs:/{bad}/model",
        "outside MLflow": lambda: "s3://bucket/model",
    }
    mallory.register(sources[source](), good)
    assert "accuracy of 4 is" in promoted(company)


@pytest.mark.parametrize(
    "dataset",
    [
        {"dataset_name": "d1", "dataset_digest": "other"},
        {"dataset_name": "d1", "dataset_digest": "d1x"},
        {},
    ],
)
def test_dataset_named_like_the_digest(company: Company, dataset: dict[str, str]) -> None:
    mallory = Mallory(company, ON_HOLDOUT)
    run = mallory.run(0.99, **dataset)
    mallory.register(mallory.artifacts(run), run)
    assert "accuracy of 4 was not measured on d1" in promoted(company)


@pytest.mark.parametrize("late", [0.99, 0.2, 1e300, float("inf"), float("nan")])
def test_metric_logged_after_the_review(company: Company, late: float) -> None:
    """`promote` pins the value that was reviewed; another one is logged before the reconcile."""
    mallory = Mallory(company)
    run = mallory.run(0.95)
    mallory.register(mallory.artifacts(run), run)
    company.branch("promote")
    assert company.team.run("promote", MODEL, "4", "Production").code == 0
    company.commit("Promote")
    company.push("promote")
    number = company.github.open_pull("promote", "Promote", user="alice").number
    mallory.client.log_metric(run, "accuracy", late, step=10**9)
    company.merge(number)
    assert "is pinned to accuracy 0.95" in company.refused()


@pytest.mark.parametrize(("step", "later"), [(10**9, 0.01), (10**9, 0.96), (0, 0.5)])
def test_metric_changed_after_the_promotion(company: Company, step: int, later: float) -> None:
    """The evidence of what is served is overwritten. The receipt has the value that was judged."""
    mallory = Mallory(company)
    run = mallory.run(0.95)
    mallory.register(mallory.artifacts(run), run)
    company.merge(company.propose(4))
    assert company.reconcile("--push-receipts").code == 0 and company.found_by_verify() == set()
    mallory.client.log_metric(run, "accuracy", later, step=step)
    for _ in range(2):
        assert company.found_by_verify() == {"judged 4 Production"}
        ran = company.team.run("verify")
        assert f"accuracy was judged as 0.95, and MLflow shows {later}" in ran.out
        assert company.reconcile("--push-receipts").code == 0


@pytest.mark.parametrize("value", ["failed", "", None])
def test_tag_changed_after_the_promotion(company: Company, value: str | None) -> None:
    company.promote(2)
    assert company.reconcile("--push-receipts").code == 0
    if value is None:
        company.client.delete_model_version_tag(MODEL, "2", "validation")
    else:
        company.client.set_model_version_tag(MODEL, "2", "validation", value)
    for _ in range(2):
        assert company.found_by_verify() == {"judged 2 Production"}
        assert company.reconcile("--push-receipts").code == 0


@pytest.mark.parametrize("value", [1e300, float("inf"), float("nan"), 1e18])
def test_metric_that_nothing_measures(company: Company, value: float) -> None:
    mallory = Mallory(company)
    run = mallory.run(0.5)
    mallory.client.log_metric(run, "accuracy", value, step=10**9)
    mallory.register(mallory.artifacts(run), run)
    assert "which is no measured value" in promoted(company)


@pytest.mark.parametrize("part", ["run", "logged model", "run of the logged model"])
def test_evidence_deleted(company: Company, part: str) -> None:
    """What measured the files is gone: no other record takes its place."""
    mallory = Mallory(company)
    run = mallory.run(0.99)
    if part == "run":
        mallory.register(mallory.artifacts(run), run)
        mallory.client.delete_run(run)
    else:
        logged = mallory.logged_model(run)
        mallory.register(f"models:/{logged.model_id}", run)
        if part == "logged model":
            mallory.client.delete_logged_model(logged.model_id)
        else:
            mallory.client.delete_run(run)
    assert "deleted" in promoted(company)


@pytest.mark.parametrize("truthful", ["param", "tag"])
def test_data_pinned_and_logged_twice(company: Company, truthful: str) -> None:
    """The param says which data it was, and a tag of that name something else."""
    mallory = Mallory(company)
    run = mallory.run(0.99)
    other = {"param": "tag", "tag": "param"}[truthful]
    for kind, md5 in ((truthful, "a" * 32), (other, "b" * 32)):
        write = mallory.client.log_param if kind == "param" else mallory.client.set_tag
        write(run, "dvc.data.csv", md5)
    mallory.register(mallory.artifacts(run), run)
    pin = f"versions: {{4: {{data: {{path: data.csv, md5: {'a' * 32}}}}}}}\n"
    assert "logged twice" in promoted(company, more=pin)


@pytest.mark.parametrize("is_earlier", [True, False])
def test_tag_that_the_manifest_declares(company: Company, is_earlier: bool) -> None:
    """The policy asks for a tag of the validation pipeline; the manifest sets it by itself."""
    declared = "versions: {3: {tags: {validation: passed}}}\n"
    if is_earlier:
        company.write(1, declared)
        company.commit("Tags")
        company.push("main")
        company.main()
        company.reconcile()
    assert "validation" in promoted(company, 3, declared)
