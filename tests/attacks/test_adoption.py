"""Models that lived in MLflow before git described them: what is adopted, and what is judged."""

from __future__ import annotations

import pytest

from tests.support.attacks.company import Company
from tests.support.github_state import Method

FRESH = "fresh"
IN_PRODUCTION = f"name: {FRESH}\nstages: {{Production: 1}}\n"


def create_by_hand(company: Company, name: str, versions: int = 1, served: int | None = 1) -> None:
    """A model that somebody creates in MLflow, and puts into Production by hand."""
    client = company.client
    client.create_registered_model(name)
    for number in range(1, versions + 1):
        client.create_model_version(name, f"dbfs:/{name}/{number}", await_creation_for=0)
    if served:
        client.transition_model_version_stage(name, str(served), "Production")
        client.set_registered_model_alias(name, "production", str(served))


def declare(company: Company, text: str, message: str = "Import") -> None:
    company.team.write(f"models/{FRESH}.yaml", text)
    company.commit(message)


def merge_it(company: Company, method: Method = "squash", review: str | None = None) -> None:
    """A pull request of what was committed, which `review` approves."""
    company.push("fresh")
    number = company.github.open_pull("fresh", user="alice").number
    if review:
        company.github.review(number, review)
    company.merge(number, method, by="carol")


def push_it(company: Company) -> None:
    company.push("main")
    company.main()


def is_managed(company: Company) -> bool:
    return "gitops.commit" in company.client.get_registered_model(FRESH).tags


# -- attacks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("click", ["stage", "alias", "both"])
@pytest.mark.parametrize("way", ["push", "no review", "late review"])
def test_adoption_without_approval(company: Company, click: str, way: str) -> None:
    """The creator of a model clicks Production, and a manifest then says what MLflow shows."""
    client = company.client
    create_by_hand(company, FRESH, served=None)
    if click != "alias":
        client.transition_model_version_stage(FRESH, "1", "Production")
    if click != "stage":
        client.set_registered_model_alias(FRESH, "production", "1")

    company.branch("fresh")
    declare(company, IN_PRODUCTION)
    if way == "push":
        push_it(company)
    else:
        merge_it(company)
    if way == "late review":
        company.github.review(1, "bob")

    assert "0 of 1 approval" in company.reasons(FRESH)
    assert "0 of 1 approval" in company.reasons(FRESH, "--adopt"), "nor by that option"
    assert not is_managed(company)


@pytest.mark.parametrize("first", ["stages: {}", "stages: {Staging: null}"])
@pytest.mark.parametrize("way", ["one push", "two pushes", "rebase"])
def test_adoption_after_the_first_commit(company: Company, first: str, way: str) -> None:
    """The first commit declares the model alone; the clicked version is written down in a later
    one, and every gate judges it."""
    create_by_hand(company, FRESH)
    company.branch("fresh")
    declare(company, f"name: {FRESH}\n{first}\n", "Declare")
    if way == "two pushes":
        push_it(company)
    declare(company, IN_PRODUCTION)
    if way == "rebase":
        merge_it(company, "rebase", "bob")
    else:
        push_it(company)

    why = company.reasons(FRESH)
    assert "validation" in why and ("0 of 1 approval" in why) == (way != "rebase")
    assert not is_managed(company)


@pytest.mark.parametrize("way", ["push", "approved"])
@pytest.mark.parametrize("is_clicked", [True, False])
def test_promotion_after_an_adoption(company: Company, way: str, is_clicked: bool) -> None:
    """What comes after an approved adoption is judged, also if MLflow shows it already."""
    create_by_hand(company, FRESH, versions=2)
    company.branch("fresh")
    declare(company, IN_PRODUCTION)
    merge_it(company, review="bob")
    assert company.reconcile().code == 0 and is_managed(company)

    if is_clicked:
        company.client.transition_model_version_stage(FRESH, "2", "Production")
        company.client.set_registered_model_alias(FRESH, "production", "2")
    company.branch("fresh")
    declare(company, IN_PRODUCTION.replace("1", "2"), "Promote")
    if way == "push":
        push_it(company)
    else:
        merge_it(company, review="bob")

    why = company.reasons(FRESH)
    assert "validation" in why and ("0 of 1 approval" in why) == (way == "push")


# -- honest work -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["rebase", "merge", "squash"])
def test_an_honest_adoption(company: Company, method: Method) -> None:
    """A living registry is imported and merged with an approval; none of it changes. Then one
    of its models is promoted, and goes back to the version before."""
    client = company.client
    for name, served in ((FRESH, 1), ("fraud", 2), ("idle", None)):
        create_by_hand(company, name, 2, served)
    company.branch("fresh")
    assert company.team.run("import").code == 0
    assert company.team.run("codeowners").code == 0
    company.commit("Describe what there is")
    merge_it(company, method, "bob")

    ran = company.reconcile()
    assert ran.code == 0, ran.out + ran.err
    assert company.found_by_verify() == set()
    assert served_versions(company) == {FRESH: {1}, "fraud": {2}, "idle": set()}

    for number in ("1", "2"):
        client.set_model_version_tag(FRESH, number, "validation", "passed")
    for version in (2, 1):
        company.branch("fresh")
        assert company.team.run("promote", FRESH, str(version), "Production").code == 0
        company.commit(f"Promote {version}")
        merge_it(company, method, "bob")
        ran = company.reconcile()
        assert ran.code == 0, ran.out + ran.err
        assert served_versions(company)[FRESH] == {version}
    assert company.found_by_verify() == set()


def served_versions(company: Company) -> dict[str, set[int]]:
    """The versions in Production of the models that were made by hand, by stage and by alias."""
    served: dict[str, set[int]] = {}
    for name in (FRESH, "fraud", "idle"):
        found = company.client.search_model_versions(f"name = '{name}'")
        aliases = company.client.get_registered_model(name).aliases
        served[name] = {int(entry.version) for entry in found
                        if entry.current_stage == "Production"}  # fmt: skip
        served[name] |= {int(aliases["production"])} if "production" in aliases else set()
    return served
