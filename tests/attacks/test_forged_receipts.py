"""Receipts that nobody's run wrote, on a branch whose receipts are not signed. Users who may push
to it can add one; what git, MLflow, the forge and the true receipts say is not theirs to write."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.times import format_time, parse_time
from mlflow_gitops.edges.git.repository import Git
from tests.support.attacks.company import MODEL, Company
from tests.support.receipts import edited, receipts_in, record

EARLY = "2026-01-05T00:00:00Z"
CHIEF = "@chief-risk-officer"


def newest(company: Company) -> Receipt:
    return receipts_in(company.team.folder)[-1]


def models_with(receipt: Receipt, **people: Any) -> list[dict[str, Any]]:
    """What a receipt records about the models, with something else about the people."""
    [model] = receipt.content["models"]
    return [{**model, "people": [{**entry, **people} for entry in model["people"]]}]


def add(company: Company, text: str) -> None:
    """Push a receipt to the branch."""
    record(Git(company.team.folder), json.loads(text)["commit"], text)
    company.set_receipts(company.receipts_state())


# -- forms of a receipt that names other approvers of what a run did ------------------------------


def of_the_past(true: Receipt) -> str:
    """It begins a chain of its own, and seems to be the oldest."""
    models = models_with(true, approved_by=[CHIEF], pr=4711)
    return edited(true, previous=None, models=models, at=EARLY, began=EARLY)


def of_the_past_as_the_first(true: Receipt) -> str:
    models = models_with(true, approved_by=[CHIEF], pr=4711)
    return edited(true, previous=None, count=1, models=models, at=EARLY, began=EARLY)


def of_the_past_in_an_old_format(true: Receipt) -> str:
    models = models_with(true, approved_by=[CHIEF])
    content = {**true.content, "previous": None, "models": models, "at": EARLY}
    for key in ("schema", "count", "began", "run", "policy"):
        content.pop(key, None)
    return json.dumps(content) + "\n"


def next_in_the_chain(true: Receipt) -> str:
    """Its number and its chain are right: the work was done before."""
    models = models_with(true, approved_by=[CHIEF])
    return edited(true, previous=true.digest, count=true.content["count"] + 1, models=models)


def next_in_the_chain_about_people_alone(true: Receipt) -> str:
    models = [
        {"model": MODEL, "result": "applied", "people": model["people"]}
        for model in models_with(true, approved_by=["@bob", CHIEF])
    ]
    return edited(true, previous=true.digest, count=true.content["count"] + 1, models=models)


def beside_the_true_one(true: Receipt) -> str:
    """Number, chain and times are those of the true one."""
    return edited(true, models=models_with(true, approved_by=[CHIEF]))


def of_a_commit_that_is_nowhere(true: Receipt) -> str:
    models = models_with(true, approved_by=[CHIEF])
    count = true.content["count"] + 1
    return edited(true, previous=true.digest, count=count, models=models, commit="f" * 40)


FORMS = (
    of_the_past,
    of_the_past_as_the_first,
    of_the_past_in_an_old_format,
    next_in_the_chain,
    next_in_the_chain_about_people_alone,
    beside_the_true_one,
    of_a_commit_that_is_nowhere,
)


@pytest.mark.parametrize("form", FORMS)
def test_extra_receipt_forged(company: Company, form: Callable[[Receipt], str]) -> None:
    """A promotion was approved by Bob; one receipt more says that somebody else did."""
    company.promote(2)
    assert company.reconcile("--push-receipts").code == 0 and company.found_by_verify() == set()
    add(company, form(newest(company)))
    assert "contradicted" in company.found_by_verify()

    company.write(2, "description: Words\n")
    company.commit("Words", "bob")
    company.push("main")
    company.main()
    company.reconcile("--push-receipts")
    assert "contradicted" in company.found_by_verify(), "a later run changes nothing"
    log = json.dumps(company.team.run("log", "--format", "json").json)
    assert "contradicted" in log or "f" * 40 in form(newest(company))

    company.acknowledge()
    assert "contradicted" not in company.found_by_verify()


# -- a refused promotion, done by hand in MLflow, with a receipt that says it was approved ---------


def force(company: Company, sha: str, digest: str) -> None:
    """What a reconcile would have written for version 3, stamps included."""
    client, at = company.client, client_time(company)
    client.transition_model_version_stage(MODEL, "3", "Production")
    client.transition_model_version_stage(MODEL, "1", "Archived")
    client.set_registered_model_alias(MODEL, "production", "3")
    for key, value in (("commit", sha), ("receipt", digest), ("at", at)):
        client.set_registered_model_tag(MODEL, f"gitops.{key}", value)
    client.set_model_version_tag(MODEL, "3", "gitops.held.Production", f"{sha}@{at}")


def client_time(company: Company) -> str:
    return newest(company).at


def gates(approvals: Any, tags: Any) -> list[dict[str, Any]]:
    verdict = {"stage": "Production", "version": 3, "status": "passed", "detail": "fine"}
    return [
        {**verdict, "gate": "approvals", **({"facts": approvals} if approvals else {})},
        {**verdict, "gate": "tags", **({"facts": tags} if tags else {})},
    ]


TAG = {"tag": "validation", "value": "passed", "expected": "passed"}


def force_promotion(company: Company, approvals: Any, tags: Any, named: list[str]) -> None:
    """Merge a promotion of version 3 that nobody approved, and do by hand what was refused, with a
    receipt that says it was."""
    number = company.propose(3)
    sha = company.merge(number)
    company.refused("--push-receipts")
    true = newest(company)
    people = {"commit": sha, "pr": number, "pr_source": "api", "merged_by": "@carol"}
    changes = [
        {"action": "transition", "version": version, "from": old, "to": new}
        for version, old, new in ((3, "None", "Production"), (1, "Production", "Archived"))
    ]
    model = {
        "model": MODEL,
        "result": "applied",
        "changes": [{**change, "cause": "commit", "commit": sha} for change in changes],
        "stages": [["Production", 3]],
        "gates": gates(approvals, tags),
        "people": [{**people, "approved_by": named}],
    }
    count = true.content["count"] + 1
    text = edited(true, previous=true.digest, count=count, models=[model], commit=sha)
    add(company, text)
    force(company, sha, newest(company).digest)


@pytest.mark.parametrize(
    ("approvals", "tags", "named"),
    [
        (None, None, ["@bob"]),
        (None, TAG, ["@bob"]),
        ({"approvals": 1, "needed": 1}, TAG, []),
        ({"approvals": 1, "needed": 1}, TAG, ["@bob"]),
        ({"approvals": 1, "needed": 1}, TAG, ["@nobody"]),
    ],
)
def test_promotion_forced_with_a_forged_receipt(
    company: Company, approvals: Any, tags: Any, named: list[str]
) -> None:
    """Number, chain and times are right. The forge has no such approval, and gates that passed
    recorded what they judged."""
    company.client.set_model_version_tag(MODEL, "3", "validation", "passed")
    force_promotion(company, approvals, tags, named)
    assert "contradicted" in company.found_by_verify()

    company.write(3, "description: Words\n")
    company.commit("Words", "bob")
    company.push("main")
    company.main()
    company.reconcile("--push-receipts")
    assert company.production() == {3} and "contradicted" in company.found_by_verify()


def test_rollback_to_what_a_forged_receipt_says(company: Company) -> None:
    """A receipt that is contradicted proves nothing later, also once somebody acknowledged it: the
    version that it put into Production has never held it."""
    force_promotion(company, None, TAG, ["@bob"])
    company.write(3, "description: Words\n")
    company.commit("Words", "bob")
    company.push("main")
    company.main()
    company.reconcile("--push-receipts")
    company.acknowledge()
    company.promote(1)
    assert company.reconcile("--push-receipts").code == 0 and company.production() == {1}
    company.merge(company.propose(3))
    assert "0 of 1 approval" in company.refused("--push-receipts")


def registered_at(company: Company) -> str:
    [model] = newest(company).models()
    assert model.registered is not None, "a receipt says when MLflow registered the model"
    return model.registered


@pytest.mark.parametrize(
    ("claim", "creates"),
    [("2100-01-01T00:00:00.000Z", False), ("now", False), ("now", True), (None, True)],
)
def test_receipt_that_says_that_the_model_was_made_again(
    company: Company, claim: str | None, creates: bool
) -> None:
    """The change of a run, once more, for a model that MLflow is said to have registered since."""
    company.promote(2)
    assert company.reconcile("--push-receipts").code == 0 and company.found_by_verify() == set()
    true, registered = newest(company), registered_at(company)
    [model] = models_with(true)
    del model["registered"]
    at = format_time(parse_time(true.at).timestamp() + 60)
    if creates:
        creation = {"action": "create_model", "cause": "commit", "commit": true.commit}
        model["changes"].insert(0, creation)
    if claim is not None:
        model["registered"] = at if claim == "now" else claim
    later = {"previous": true.digest, "count": true.content["count"] + 1, "at": at, "began": at}
    add(company, edited(true, models=[model], **later))
    assert company.found_by_verify() == {"contradicted"}

    company.write(2, "description: Words\n")
    company.commit("Words", "bob")
    company.push("main")
    company.main()
    company.reconcile("--push-receipts")
    assert registered_at(company) == registered
    assert "contradicted" in company.found_by_verify(), "a later run changes nothing"
    assert "contradicted" in json.dumps(company.team.run("log", "--format", "json").json)


def follow_with(company: Company, **content: Any) -> set[str]:
    """What `verify` finds after a receipt with this content more, which is taken away again."""
    state, true = company.receipts_state(), newest(company)
    count = true.content["count"] + 1
    add(company, edited(true, previous=true.digest, count=count, **content))
    fields = company.found_by_verify()
    company.set_receipts(state)
    return fields


def test_receipt_that_names_another_policy(company: Company) -> None:
    """A receipt names the policy of its commit: a forged one cannot name a laxer one, or none."""
    first = company.team.git("rev-list", "--max-parents=0", "HEAD")
    laxer = company.team.git("rev-parse", f"{first}:registry/policy.yaml")
    assert laxer != newest(company).content["policy"]
    assert follow_with(company, models=[]) == set()
    for blob in (laxer, "f" * 40, None):
        assert follow_with(company, models=[], policy=blob) == {"contradicted"}


def test_receipt_that_names_another_version(company: Company) -> None:
    """A receipt names what came to a stage: nothing that its commit does not declare."""
    for entry, fields in (
        (["Production", 1], set()),
        (["Production", 3], {"contradicted"}),
        (["Staging", 2], {"contradicted"}),
        (["@champion", 1], {"contradicted"}),
    ):
        model = {"model": MODEL, "result": "applied", "stages": [entry]}
        assert follow_with(company, models=[model]) == fields


@pytest.mark.parametrize(
    "run",
    [
        {"event": "push", "actor": "bob"},
        {"event": "schedule"},
        {"event": "push", "actor": "alice", "url": "https://github.com/acme/models/actions/runs/9"},
        {"event": "push", "actor": "alice", "url": "https://evil.example.org/run"},
    ],
)
def test_run_forged(company: Company, run: dict[str, str]) -> None:
    """A receipt names a run that the forge does not know, or knows otherwise."""
    true_run = company.github.run("reconcile", "push", "alice")
    url = f"https://github.com/acme/models/actions/runs/{true_run.id}"
    true = newest(company)
    head = {"commit": company.main(), "previous": true.digest, "models": []}
    now = company.github.now()
    for count, named in enumerate(({"event": "push", "actor": "alice"}, run), 1):
        number = true.content["count"] + count
        text = edited(true, **head, count=number, at=now, began=now, run={"url": url, **named})
        add(company, text)
        head["previous"] = newest(company).digest
        assert company.found_by_verify() == (set() if count == 1 else {"contradicted"})
