"""The digests of what a plan was made from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.fingerprint import fingerprint

MODEL = ObservedModel("fraud", versions={1: ObservedVersion(1, "Staging")})


class _Counted(dict[Any, Any]):
    """A model's versions, which count how often they are read."""

    reads = 0

    def items(self) -> Any:
        self.reads += 1
        return super().items()


def test_digests_are_taken_when_they_are_asked_for() -> None:
    """A plan that is only shown takes none of them."""
    versions = _Counted(MODEL.versions)
    observed = {"fraud": replace(MODEL, versions=versions)}
    taken = fingerprint("files", "http://mlflow", "", "owner", observed.items())
    observed.clear()
    assert versions.reads == 0

    assert set(taken.parts) == {"files", "registry", "owner", "model fraud"}
    assert taken.digest == taken.digest and versions.reads == 1


def test_two_of_one_state_are_equal() -> None:
    def take(model: ObservedModel) -> Any:
        return fingerprint("files", "http://mlflow", "", None, [("fraud", model)])

    moved = replace(MODEL, versions={1: ObservedVersion(1, "Production")})
    assert take(MODEL) == take(MODEL) and take(MODEL).digest == take(MODEL).digest
    assert take(MODEL) != take(moved) and take(MODEL).digest != take(moved).digest
