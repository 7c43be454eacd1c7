"""Which version is proposed, and under which name: values in, values out."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_gitops.core.authoring.proposals import (
    SIGNED,
    branch_part,
    counterpart,
    made_here,
    newest,
    proposed_in,
    subject,
    without_marker,
)
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.names import name_fault
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion


def manifest(text: str) -> Manifest:
    read, document = read_manifest(f"name: m\n{text}\n".encode(), "registry/models/m.yaml")
    assert read is not None, document.problems
    return read


def seen(*numbers: int, waiting: tuple[int, ...] = ()) -> ObservedModel:
    return ObservedModel(
        "m",
        versions={
            number: ObservedVersion(
                number,
                status="PENDING_REGISTRATION" if number in waiting else "READY",
                tags={"gitops.held.Staging": "sha@time"},  # anybody's
            )
            for number in (*numbers, *waiting)
        },
    )


@pytest.mark.parametrize(
    ("text", "registry", "wanted"),
    [
        ("stages: {Production: 3, Staging: 4}", seen(3, 4), None),
        ("stages: {Production: 3, Staging: 4}", seen(3, 4, 5, 7), 7),
        ("stages: {Production: 3, Staging: [4, 9]}", seen(3, 4, 5, 7), None),
        ("stages: {Staging: 4}", seen(4, 5, waiting=(6,)), 5),
        ("stages: {Staging: 4}\naliases: {next: 6}", seen(4, 5, 6), None),
        ("stages: {Staging: 4}\nversions: {5: {run_id: " + "a" * 32 + "}}", seen(4, 5), None),
        ("stages: {}", seen(1, 2), 2),
        ("stages: {}", seen(), None),
    ],
)
def test_the_newest_that_nobody_has_looked_at(
    text: str, registry: ObservedModel, wanted: int | None
) -> None:
    assert newest(manifest(text), registry) == wanted


@pytest.mark.parametrize(("held", "wanted"), [({6}, 5), ({4}, 6), ({5, 6}, None)])
def test_what_held_a_stage_is_not_proposed_again(held: set[int], wanted: int | None) -> None:
    assert newest(manifest("stages: {Staging: 4}"), seen(4, 5, 6), lambda: held) == wanted


def test_receipts_are_not_read_for_nothing() -> None:
    def unread() -> set[int]:
        raise AssertionError

    assert newest(manifest("stages: {Staging: 6}"), seen(4, 5, 6), unread) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("stages: {Production: 3, Staging: [1, 2]}", 2),
        ("stages: {Production: 3, Staging: null}", 3),
        ("stages: {Canary: 2, Archived: 7}", 2),
        ("stages: {Archived: 7}", None),
        ("stages: {}", None),
    ],
)
def test_what_it_is_compared_with(text: str, wanted: int | None) -> None:
    assert counterpart(manifest(text), "Staging") == wanted


def test_the_marker_is_the_first_and_hidden() -> None:
    text = "<!-- mlflow-gitops:propose 12 -->\nWords <!-- mlflow-gitops:propose 99 -->"
    assert proposed_in(text) == 12 and proposed_in("Words") is None
    assert proposed_in("<!-- mlflow-gitops:propose 0 -->") is None
    assert without_marker(text).startswith("Words")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fraud detector-2.1", "fraud detector-2.1"),
        ("größe", "größe"),
        ("@acme/owners", "%40acme%2Fowners"),
        ("fixes #1", "fixes %231"),
        ("`x` <img>", "%60x%60 %3Cimg%3E"),
        ("[a](http://x.example)", "%5Ba%5D%28http%3A%2F%2Fx.example%29"),
    ],
)
def test_a_title_neither_mentions_nor_closes_anything(name: str, told: str) -> None:
    assert subject(name, 5, "Staging") == f"Promote {told} 5 to Staging"


@settings(max_examples=50)
@given(
    st.lists(
        st.sampled_from([".", "..", ".lock", "/", "%", " ", "@{", "a", "ß", "~", "x" * 90]),
        min_size=1,
        max_size=4,
    )
)
def test_every_name_has_a_branch_of_its_own_that_git_takes(parts: list[str]) -> None:
    name = "".join(parts)
    if name_fault(name):
        return
    branch = f"mlflow-gitops/propose/{branch_part(name)}"
    assert subprocess.run(["git", "check-ref-format", f"refs/heads/{branch}"]).returncode == 0, (
        branch
    )
    other = name + "."
    assert branch_part(other) != branch_part(name) and len(branch_part(name)) <= 200


def test_only_our_own_untouched_commit_may_be_replaced() -> None:
    message, me = f"Promote m 2 to Staging\n\nStaging was empty.\n\n{SIGNED}\n", "bot@example.org"
    assert made_here(me, 1, True, message, me)
    assert not made_here("ada@example.org", 1, True, message, me), "amended"
    assert not made_here(me, 1, False, message, me), "added on top"
    assert not made_here(me, 2, True, message, me), "a merge"
    assert not made_here(me, 1, True, f"Fix\n\nnot {SIGNED}, but\nmine", me)
