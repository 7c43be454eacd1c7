"""Changes that MLflow does not show have no effect to wait for (RULES R6)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.audit.unseen_changes import HolderChange, is_unseen
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.policy import Policy

PLAIN = Policy({"stages": {"Production": {}}})
WITH_ALIAS = Policy({"stages": {"Production": {"alias": "production"}}})


def desired(text: str, policy: Policy) -> Desired:
    manifest, _ = read_manifest(f"name: m\n{text}".encode(), "m.yaml")
    assert manifest is not None
    return Desired(manifest, policy.for_model("m"))


BY_HAND = desired("stages: {Production: 1}\naliases: {production: 1}", PLAIN)
BY_STAGE = desired("stages: {Production: 1}", WITH_ALIAS)


@pytest.mark.parametrize(
    ("change", "before", "after", "expected"),
    [
        (("@production", (1,), ()), BY_HAND, BY_STAGE, True),
        (("@production", (), (1,)), BY_STAGE, BY_HAND, True),
        (
            ("@production", (1,), ()),
            BY_HAND,
            desired("stages: {Production: 2}", WITH_ALIAS),
            False,
        ),
        (("@production", (1,), ()), BY_HAND, desired("stages: {Production: 1}", PLAIN), False),
        (("@production", (), (1,)), None, BY_HAND, False),
        (
            ("Production", (1,), (2,)),
            BY_STAGE,
            desired("stages: {Production: 2}", WITH_ALIAS),
            False,
        ),
        (("Archived", (3,), ()), desired("stages: {Archived: 3}", PLAIN), BY_HAND, True),
        (
            ("Archived", (3,), ()),
            desired("stages: {Archived: 3}", PLAIN),
            desired("stages: {Staging: 3}", PLAIN),
            False,
        ),
        (("Archived", (), (3,)), BY_HAND, desired("stages: {Archived: 3}", PLAIN), False),
    ],
)
def test_what_mlflow_does_not_show(
    change: tuple[str, tuple[int, ...], tuple[int, ...]],
    before: Desired | None,
    after: Desired,
    expected: bool,
) -> None:
    assert is_unseen(HolderChange(*change), before, after) is expected
