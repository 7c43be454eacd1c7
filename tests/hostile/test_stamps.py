"""Hostile stamps: users with EDIT may write anything into the tags that say which commit put a
thing there (RULES R7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.experiments.sampling import CountCases, case_params, sample
from tests.support.receipts import receipts_in
from tests.support.team import Team

STAMPS = (
    "a\0b", "{head}\0x", "{head}\n{head}", "{head} x", "{head}^", "^{head}", "{short}", "{upper}",
    "HEAD", "main", "@{{u}}",
    ":/Second", "-x", "--output={folder}/written", "../../etc/passwd", "", " ", "😀", "x" * 5000,
    "\x1b[31mred", "\u202edrowssap",
)  # fmt: skip
PLACES = (
    *(
        f"model {tag}"
        for tag in (
            "gitops.commit",
            "gitops.at",
            "gitops.owner",
            "gitops.receipt",
            "gitops.highest",
        )
    ),
    *(f"version {tag}" for tag in ("gitops.commit", "gitops.held.Staging", "gitops.pin")),
    *(f"version {tag}" for tag in ("gitops.pr", "gitops.author", "gitops.approved_by")),
)
HEALED = ("gitops.held.Staging", "gitops.receipt")
COMMANDS = ("plan --format json", "status", "verify", "show", "reconcile --yes")


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    """A version that was merged into Production before its soak is over: it is never
    applied here."""
    made = Team(tmp_path / "repo", blank_registry(tmp_path / "mlflow.db"))
    client = MlflowClient(made.uri)
    client.create_registered_model("m")
    for number in range(3):
        client.create_model_version("m", f"s3://trained/{number}")
    made.write("policy.yaml", "stages: {Staging: {}, Production: {from: [Staging], soak: 1h}}\n")
    made.commit("First", m="stages: {Staging: 1}\n")
    made.reconcile()
    made.commit("Second", m="stages: {Production: 1}\n")
    return made


@pytest.mark.parametrize("place", case_params(PLACES, ("model gitops.commit",)))
def test_forged_stamps(team: Team, tmp_path: Path, place: str, counted: CountCases) -> None:
    of, tag = place.split()
    client, head = MlflowClient(team.uri), team.git("rev-parse", "HEAD")
    known = {receipt.digest for receipt in receipts_in(team.folder)}
    tried = sample(STAMPS, place, 2)
    for stamp in tried:
        forged = stamp.format(head=head, short=head[:10], upper=head.upper(), folder=tmp_path)
        if of == "model":
            client.set_registered_model_tag("m", tag, forged)
        else:
            client.set_model_version_tag("m", "1", tag, forged)
        for command in COMMANDS:
            ran = team.run(*command.split())
            assert ran.code in (0, 4), (forged, command, ran)
            assert not {"\0", "\x1b", "\u202e"} & {*ran.out, *ran.err}, (forged, command)
    recorded = [receipt for receipt in receipts_in(team.folder) if receipt.digest not in known]
    if tag in HEALED:
        assert len(recorded) == len(tried), "each run that put the stamp right is recorded"
    else:
        assert not recorded, "what no run did is recorded by none"
    assert {v.version: v.current_stage for v in client.search_model_versions("name = 'm'")}[
        1
    ] != "Production"
    assert not (tmp_path / "written").exists()
    counted("forged stamps", len(tried) * len(COMMANDS))
