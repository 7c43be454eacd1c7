"""The quick answer that a policy allows a manifest is the full check's answer."""

from __future__ import annotations

import random

import pytest

from mlflow_gitops.core.manifests.blob_reader import policy_problems
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.yaml.document import Document

POLICIES = (
    Policy(),
    Policy({"stages": {"Production": {"alias": "live"}, "Canary": {"alias": "canary"}}}),
    Policy({"aliases": {"only": ["Production"]}}),
    Policy({"stages": {"Canary": {"native": False, "alias": "canary"}}}).without_stages(),
)
STAGES = ("Production", "Staging", "Archived", "Canary", "None")


def manifest(rng: random.Random) -> Manifest:
    stages = {
        stage: tuple(sorted(rng.sample(range(1, 6), rng.choice((0, 1, 1, 2)))))
        for stage in rng.sample(STAGES, rng.randint(0, 3))
    }
    names = rng.sample(("live", "Canary", "champion"), rng.randint(0, 2))
    kind = rng.choice(("model", "model", "prompt"))
    aliases = {name: rng.randint(1, 5) for name in names}
    return Manifest("alpha", "alpha.yaml", None, (), {}, stages, aliases, {}, kind=kind)


@pytest.mark.parametrize("policy", POLICIES, ids=range(len(POLICIES)))
def test_the_quick_answer_is_that_of_the_check(policy: Policy) -> None:
    rng = random.Random(7)
    counts = {True: 0, False: 0}
    for _ in range(300):
        declared = manifest(rng)
        rules = policy.for_model("alpha", declared.kind)
        stages = {stage: list(versions) for stage, versions in declared.stages.items()}
        root = {"kind": declared.kind, "stages": stages, "aliases": declared.aliases}
        document = Document("alpha.yaml", root)
        check_policy(document, rules)
        assert policy_problems("alpha.yaml", Desired(declared, rules)) == document.problems
        counts[bool(document.problems)] += 1
    assert all(counts.values())
