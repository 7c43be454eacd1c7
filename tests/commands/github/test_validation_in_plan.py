"""The one required status includes what `validate` reads (RULES R7)."""

from __future__ import annotations

import pytest

from tests.support.github.hub import POLICY, STAGES, Hub

REFUSED = {
    "an owner without a line": ("models/churn.yaml", STAGES.format(2) + "owners: ['@bob']\n"),
    "an owner of the policy": ("policy.yaml", POLICY + "owners: ['@bob']\n"),
    "a list of environments": ("environments.yaml", "prod: {tracking_uri: 3, oops: 1}\n"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_validate_refuses_fails_the_status(hub: Hub, case: str) -> None:
    """The status is the one required check, so it includes what `validate` reads besides manifests
    and the policy."""
    hub.main()
    hub.team.write("../.github/CODEOWNERS", "* @alice\n")
    hub.team.commit("Owners")
    hub.push("main")
    hub.team.git("checkout", "-q", "-B", "stale", "origin/main")
    hub.team.write(*REFUSED[case])
    hub.team.commit(case)
    head = hub.push("stale")
    refused = hub.team.run("validate", "--format", "json")
    assert refused.code == 3
    number = hub.repo.open_pull("stale", user="alice").number
    assert hub.plan(head).code == 0
    state, why = hub.status(head)
    assert state == "failure" and why.startswith("Invalid files: "), why
    for error in refused.json["errors"]:
        assert error["code"] in hub.comment(number)


def test_a_stale_codeowners_on_main_stops_no_other_pull_request(hub: Hub) -> None:
    hub.main()
    hub.team.write("../.github/CODEOWNERS", "* @alice\n")
    hub.team.commit("Owners", churn=STAGES.format(1) + "owners: ['@bob']\n")
    hub.push("main")
    _, head = hub.propose("other", STAGES.format(1) + "owners: ['@bob']\ndescription: x\n")
    assert hub.plan(head).code == 0 and hub.status(head)[0] == "success"
