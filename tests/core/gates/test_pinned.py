"""`pinned`: the manifest pins what a version is, and with `digest` its files (RULES R3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.gates import pinned
from mlflow_gitops.core.gates.gate import Finding
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from tests.support.core.subjects import subject

DIGEST = "sha256:" + "ab" * 32
COPY = OriginPin("staging", 9, DIGEST, model="fraud")


@pytest.mark.parametrize(
    ("spec", "verdict"),
    [
        (VersionSpec(run_id="r"), "passed"),
        (VersionSpec(source="s"), "passed"),
        (VersionSpec(model_id="m"), "passed"),
        (VersionSpec(description="told, not pinned"), "failed"),
        (VersionSpec(dataset_digest="abc"), "failed"),
        (None, "failed"),
    ],
)
def test_pinned(spec: VersionSpec | None, verdict: str) -> None:
    found = pinned.ask(subject(spec=spec), True)
    assert found.status == verdict
    assert found.detail == (
        "pinned" if verdict == "passed" else "14 is not pinned: mlflow-gitops pin fraud 14"
    )


@pytest.mark.parametrize(
    "spec", [VersionSpec(run_id="r"), VersionSpec(source="s"), VersionSpec(model_id="m")]
)
def test_an_identity_does_not_pin_the_files(spec: VersionSpec) -> None:
    assert pinned.ask(subject(spec=spec), "digest") == Finding(
        "failed",
        "the files of 14 are not pinned by a digest: mlflow-gitops pin fraud 14",
    )


@pytest.mark.parametrize(
    "spec",
    [
        VersionSpec(digest=DIGEST),
        VersionSpec(run_id="r", digest=DIGEST),
        VersionSpec(origin=COPY),
    ],
)
def test_a_digest_pins_the_files_and_so_does_the_digest_of_an_original(spec: VersionSpec) -> None:
    found = pinned.ask(subject(spec=spec), "digest")
    assert found == Finding("passed", "pinned with sha256:abababababab…")


def test_a_prompt_has_no_files() -> None:
    prompt = subject(spec=VersionSpec(digest=DIGEST), prompt=True)
    assert pinned.ask(prompt, "digest").status == "passed"


@pytest.mark.parametrize(
    ("value", "settings"),
    [
        (True, True),
        (False, None),
        (None, None),
        ({"digest": True}, "digest"),
        ({"digest": False}, True),
        ({}, True),
    ],
)
def test_settings(value: object, settings: object) -> None:
    assert pinned.read({"require": {"pinned": value}}) == settings
