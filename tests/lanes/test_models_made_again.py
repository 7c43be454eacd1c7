"""Models that were deleted in MLflow and made again, or that have a name which another model had:
what honest people do with them leaves nothing that `verify` reports (RULES R3, R6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlflow import MlflowClient

from mlflow_gitops.core.times import is_stamped_between
from tests.support.receipts import receipts_in
from tests.support.team import Team

POLICY = "stages: {Production: {alias: production}}\n"
HELD = "gitops.held.Production"


def make(client: MlflowClient, name: str) -> None:
    client.create_registered_model(name)
    for number in (1, 2, 3):
        client.create_model_version(name, f"dbfs:/{name}/{number}", await_creation_for=0)


def test_verify_is_clean_after_each_life(
    tmp_path: Path, blank_registry: Callable[[Path], str]
) -> None:
    """Deleted and made again, twice; renamed in git and the name used again; the name of a deleted
    model given to an older one."""
    team = Team(tmp_path / "repo", blank_registry(tmp_path / "mlflow.db"))
    client = MlflowClient(team.uri, team.uri)
    for name in ("again", "former", "taken", "older"):
        make(client, name)
    manifest = "stages: {Production: 2}\n"
    team.write("policy.yaml", POLICY)
    team.commit(again=manifest, former=manifest, taken=manifest)
    team.reconcile()

    for _ in range(2):
        client.delete_registered_model("again")
        make(client, "again")
        team.reconcile("again", "--adopt")

    client.delete_registered_model("taken")
    client.rename_registered_model("older", "taken")
    team.reconcile("taken", "--adopt")

    assert team.run("rename", "former", "latter", "--apply").code == 0
    team.commit("Rename")
    team.commit("Drop the former name", latter=manifest)
    make(client, "former")
    team.commit("A new model", former=manifest)
    team.reconcile("former", "--adopt")
    team.reconcile()

    ran = team.run("verify")
    assert ran.code == 0, ran.out
    receipts = receipts_in(team.folder)
    times = {model.registered for receipt in receipts for model in receipt.models()}
    assert None not in times and len(times) == 7, "each life has its time"
    drift = [c for r in receipts for m in r.models() for c in m.changes if c["cause"] == "drift"]
    assert not drift, "no stamp is healed to an earlier life"
    for name in ("again", "taken", "former"):
        last = [receipt for receipt in receipts if name in receipt.applied()][-1]
        stamp = client.get_model_version(name, "2").tags[HELD].partition("@")[2]
        assert is_stamped_between(stamp, last.began or "", last.at)
    assert "contradicted" not in team.run("log", "--format", "json").out
