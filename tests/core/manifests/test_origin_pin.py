"""A version that comes from another environment: what guards and gates say before it is here, and
how an edit writes it."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.authoring.edit_manifest import Edit, apply_edit
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.origin_pin import ORIGIN_TAG, OriginPin, copied_tags
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.refusals.pins import origin_refusals, pin_refusals
from mlflow_gitops.core.recorded.values import Unreadable
from tests.support.core.evidence import FakeEvidence

DIGEST = "sha256:" + "a" * 64
PIN = OriginPin("staging", 14, DIGEST, run_id="r1", model_id="m-1", model="m")
ORIGIN = f'{{environment: staging, version: 14, run_id: r1, model_id: m-1, digest: "{DIGEST}"}}'
TEXT = f"name: m\nstages: {{Production: 3}}\nversions:\n  3: {{origin: {ORIGIN}}}\n"
THERE = ObservedVersion(14, run_id="r1", model_id="m-1")


def desired() -> Desired:
    manifest, document = read_manifest(TEXT.encode(), "registry/prod/models/m.yaml")
    assert manifest is not None, document.problems
    rules = Policy().for_model("m")
    check_policy(document, rules)
    assert (
        manifest.versions[3].origin == PIN and manifest.versions[3].registered_from == "staging/14"
    )
    return Desired(manifest, rules)


def refused(found: ObservedVersion | None) -> list[str]:
    evidence = FakeEvidence(origin=lambda pin: found)
    return [
        f"{one.code}: {one.detail}"
        for one in origin_refusals(desired(), ObservedModel("m"), evidence)
    ]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (THERE, []),
        (None, ["missing_version: staging has no version 14 of m to copy version 3 from"]),
        (
            ObservedVersion(14, run_id="r2", model_id="m-1"),
            ["pin: version 3 is pinned to run_id r1 of staging/14, which has r2"],
        ),
        (
            ObservedVersion(14, run_id="r1"),
            ["pin: version 3 is pinned to model_id m-1 of staging/14, which has none"],
        ),
        (
            ObservedVersion(14, run_id="r1", model_id="m-1", status="PENDING_REGISTRATION"),
            [
                "pin: version 3 comes from staging/14, whose status is PENDING_REGISTRATION, not"
                " READY"
            ],
        ),
    ],
)
def test_what_is_at_the_origin_must_be_what_was_reviewed(
    found: ObservedVersion | None, said: list[str]
) -> None:
    assert refused(found) == said


def test_an_origin_that_cannot_be_looked_at_is_no_origin() -> None:
    def silent(pin: OriginPin) -> ObservedVersion | None:
        raise Unreadable("it does not answer")

    [found] = origin_refusals(desired(), ObservedModel("m"), FakeEvidence(origin=silent))
    assert (found.code, "it does not answer" in found.detail) == ("pin", True)


def test_nobody_is_asked_once_the_copy_is_here() -> None:
    here = ObservedModel("m", versions={3: ObservedVersion(3, tags={ORIGIN_TAG: PIN.stamp})})
    assert (
        list(
            origin_refusals(desired(), here, FakeEvidence(origin=lambda pin: pytest.fail("asked")))
        )
        == []
    )
    assert list(pin_refusals(desired(), here, (), lambda version: None)) == []


@pytest.mark.parametrize("tags", [{}, {ORIGIN_TAG: "staging/13@" + DIGEST}])
def test_another_version_under_its_number_is_refused(tags: dict[str, str]) -> None:
    other = ObservedModel("m", versions={3: ObservedVersion(3, tags=tags)})
    [found] = pin_refusals(desired(), other, (), lambda version: None)
    assert found.code == "pin" and f"is pinned to origin staging/14@{DIGEST}" in found.detail


def test_what_a_copy_carries() -> None:
    assert copied_tags({"validation": "passed", "gitops.commit": "x", "mlflow.user": "y"}) == {
        "validation": "passed"
    }


def test_copies_of_one_thing_are_found_by_one_key() -> None:
    others = [
        OriginPin("prod", 14, DIGEST, model="m"),
        OriginPin("staging", 15, DIGEST, model="m"),
        OriginPin("staging", 14, "sha256:" + "b" * 64, model="m"),
        OriginPin("staging", 14, DIGEST, model="n"),
    ]
    assert len({PIN.key, *(one.key for one in others)}) == 5
    assert OriginPin("staging", 14, DIGEST, model="m").key == PIN.key


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "name: m\nstages: {}\n",
            f"name: m\nstages: {{Production: 3}}\nversions:\n  3: {{origin: {ORIGIN}}}\n",
        ),
        (
            "name: m\nstages: {Production: 2}  # served\nversions:\n  2: {run_id: r0}\n",
            (
                "name: m\nstages: {Production: 3}  # served\nversions:\n  2: {run_id: r0}\n"
                f"  3: {{origin: {ORIGIN}}}\n"
            ),
        ),
        (
            "name: m\nstages:\n  Production: 2\nversions:\n  2:\n    run_id: r0\n",
            (
                "name: m\nstages:\n  Production: 3\nversions:\n  2:\n    run_id: r0\n  3:\n   "
                f" origin: {ORIGIN}\n"
            ),
        ),
        (
            "name: m\nstages: {Production: 2}\nversions:\n  3: {tags: {a: b}}\n",
            (
                f"name: m\nstages: {{Production: 3}}\nversions:\n  3: {{origin: {ORIGIN}, tags:"
                " {a: b}}\n"
            ),
        ),
    ],
)
def test_an_edit_writes_it_in_the_style_of_the_file(before: str, after: str) -> None:
    made = apply_edit(
        before.encode(),
        "registry/prod/models/m.yaml",
        Edit({"Production": (3,)}, {3: {"origin": PIN}}),
    )
    assert made.decode() == after
