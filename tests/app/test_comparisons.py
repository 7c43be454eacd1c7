"""What is read for the comparisons of a plan, and for which of its stages."""

from __future__ import annotations

import pytest

from mlflow_gitops.app.comparisons import compare_versions, served_versions, with_comparisons
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.plan import ModelPlan, StageChange
from mlflow_gitops.core.recorded.values import ModelFile, Record, Unreadable
from mlflow_gitops.errors import RegistryFailure
from tests.support.core.evidence import FakeEvidence


class Asked:
    """Evidence that keeps what it was asked for."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.versions: list[ObservedVersion] = []
        self._failure = failure
        self.evidence = FakeEvidence(read=self.read, read_file=self.read_file)

    def read(self, version: ObservedVersion) -> Record | None:
        self.versions.append(version)
        if self._failure:
            raise self._failure
        return Record(params={"number": str(version.number)})

    def read_file(self, model: str, version: ObservedVersion) -> ModelFile | None:
        return ModelFile(size=version.number)


def row(stage: str, before: tuple[int, ...], after: tuple[int, ...]) -> StageChange:
    return StageChange(stage, before, after, "commit", None)


def planned(name: str, *rows: StageChange) -> ModelPlan:
    return ModelPlan(name, None, "Pending", None, stages=rows)


SEEN = ObservedModel("m", versions={n: ObservedVersion(n, run_id=f"run-{n}") for n in (1, 2, 3)})


@pytest.mark.parametrize(
    ("change", "pair"),
    [
        (row("Production", (1,), (2,)), (1, 2)),
        (row("Production", (1, 2), (3,)), (2, 3)),
        (row("Production", (2,), (1,)), (2, 1)),
        # A version beside the one that is served, and stages that were or will be empty.
        (row("Staging", (2,), (1, 2)), None),
        (row("Production", (), (2,)), None),
        (row("Production", (1,), ()), None),
        (row("Archived", (1,), (2,)), None),
    ],
)
def test_a_comparison_is_of_the_version_served_and_the_one_that_will_be(
    change: StageChange, pair: tuple[int, int] | None
) -> None:
    assert served_versions(change) == pair


def test_models_that_replace_nothing_are_not_read() -> None:
    asked = Asked()
    models = (
        planned("m", row("Production", (), (1,))),
        planned("still"),
        planned("new", row("Production", (1,), (2,))),
    )
    assert (
        with_comparisons(models, {"m": SEEN, "still": SEEN}, asked.evidence, lambda name: {}, 8)
        is models
    )
    assert asked.versions == []


@pytest.mark.parametrize("readers", [0, 1, 8])
def test_each_model_gets_its_own_comparisons(readers: int) -> None:
    names = [f"m{i}" for i in range(20)]
    seen = {name: ObservedModel(name, versions=SEEN.versions) for name in names}
    models = tuple(
        planned(name, row("Production", (1,), (2,)), row("Staging", (), (3,))) for name in names
    )
    found = with_comparisons(models, seen, Asked().evidence, lambda name: {}, readers)
    assert [model.model for model in found] == names
    for model in found:
        production, staging = model.stages
        assert production.comparison and production.comparison.model == model.model
        assert production.comparison.size == (1, 2) and staging.comparison is None


def test_a_version_that_the_manifest_registers_is_known_by_its_pin() -> None:
    asked = Asked()
    spec = VersionSpec(run_id="pinned-run", source="models:/m-9", model_id="m-9")
    found = compare_versions(SEEN, 1, 9, asked.evidence, {9: spec})
    assert found.after.version == ObservedVersion(
        9, run_id="pinned-run", source="models:/m-9", model_id="m-9", status=""
    )
    assert asked.versions[1] == found.after.version and found.params[0].after == "9"


@pytest.mark.parametrize(
    "failure", [Unreadable("no access"), RegistryFailure("no access", transient=True)]
)
def test_what_cannot_be_read_is_told_and_the_rest_is_compared(failure: Exception) -> None:
    found = compare_versions(SEEN, 1, 2, Asked(failure).evidence)
    assert found.before.unread == found.after.unread == {"record": "no access"}
    assert found.size == (1, 2) and found.params == ()
