"""A model that leaves its name does not leave the gates of that name."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import MODEL, Company

STRICT = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production}
models:
  - match: "churn*"
    stages: {Production: {approvals: 1, require: {tags: {validation: passed}}}}
"""


@pytest.mark.parametrize(
    ("name", "commits", "has_stamps"),
    [("free", 1, True), ("attrition", 2, True), ("a free one", 1, False)],
)
def test_model_renamed_out_of_an_exception(
    company: Company, name: str, commits: int, has_stamps: bool
) -> None:
    """The policy is stricter for `churn*`. Somebody with MANAGE renames the model in MLflow and
    moves its manifest, with another version in it."""
    company.approve_policy(STRICT, "--push-receipts")
    client = company.client
    for alias in client.get_registered_model(MODEL).aliases:
        client.delete_registered_model_alias(MODEL, alias)
    client.rename_registered_model(MODEL, name)
    if not has_stamps:
        for key in client.get_registered_model(name).tags:
            client.delete_registered_model_tag(name, key)
        client.transition_model_version_stage(name, "1", "Archived")

    company.team.write(f"models/{name}.yaml", f"name: {name}\nstages: {{Production: 3}}\n")
    if commits == 2:
        company.commit("Add it")
    company.team.git("rm", "-q", f"registry/models/{MODEL}.yaml")
    company.commit("Rename")
    company.push("main")
    company.main()

    ran = company.reconcile("--push-receipts")
    [model] = [model for model in ran.json["models"] if model["model"] == name]
    why = "; ".join(refusal["detail"] for refusal in model["refusals"])
    assert ran.code == 4 and "0 of 1 approval" in why and "validation" in why, ran.out
    assert client.get_model_version(name, "3").current_stage != "Production"
