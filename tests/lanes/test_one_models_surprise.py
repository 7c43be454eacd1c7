"""One model's surprise is that model's refusal (DESIGN §6): no traceback, and every other model is
planned, healed and verified."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mlflow_gitops.app.planning import model_planner
from mlflow_gitops.core.gates.gate import Finding, Gate
from mlflow_gitops.edges.mlflow import listing
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.edges.system import plugins
from tests.support.receipts import receipts_in
from tests.support.team import Ran, Team

POLICY = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production, from: [Staging], soak: 1h}
"""


MakeTeam = Callable[[Sequence[Any]], tuple[Team, dict[str, Any]]]


@pytest.fixture
def make_team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> MakeTeam:
    """Makes a model `odd-…` for each case, and `well`, all reconciled; then the odd ones get a
    merged promotion, and `well` drifts. Returns the team and the cases by model."""

    def make(cases: Sequence[Any]) -> tuple[Team, dict[str, Any]]:
        team = Team(tmp_path / "repo", blank_registry(tmp_path / "mlflow.db"))
        odd = {f"odd-{number}": case for number, case in enumerate(cases)}
        client = MlflowClient(team.uri)
        for name in (*odd, "well"):
            client.create_registered_model(name)
            for number in range(1, 3):
                client.create_model_version(name, f"s3://trained/{number}", await_creation_for=0)
        team.write("policy.yaml", POLICY)
        team.commit("First", **dict.fromkeys((*odd, "well"), "stages: {Staging: 1}\n"))
        team.reconcile()
        team.commit("Second", **dict.fromkeys(odd, "stages: {Production: 1}\n"))
        client.set_registered_model_alias("well", "staging", "2")
        return team, odd

    return make


def models(ran: Ran) -> dict[str, Any]:
    return {model["model"]: model for model in ran.json["models"]}


def check_that_well_is_healed(team: Team, *codes: str, code: int = 4) -> Ran:
    """Run everything; each odd model is refused with one of the codes, if there are any, and
    `well` is drifted and then healed."""
    for command in ("status", "plan", "log", "report --out page", "verify"):
        ran = team.run(*command.replace("page", str(team.folder / ".git" / "page")).split())
        assert ran.code in (0, 4), (command, ran)
    status = models(team.run("status", "--format", "json"))
    assert status["well"]["sync"] == "Drifted"

    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == code, ran
    outcomes = models(ran)
    assert outcomes.pop("well")["result"] == "applied"
    for name, outcome in outcomes.items():
        refused = {refusal["code"] for refusal in outcome["refusals"]}
        # A held stamp that no receipt explains is put right, whatever else happens to the model.
        changes = [c for c in outcome["changes"] if not c["key"].startswith("gitops.held.")]
        assert changes == [] and refused <= set(codes), (name, outcome)
        assert bool(refused) == bool(codes), (name, outcome)
    aliases = MlflowClient(team.uri).get_registered_model("well").aliases
    assert {alias: int(version) for alias, version in aliases.items()} == {"staging": 1}
    return ran


def test_a_held_stamp_of_any_shape(make_team: MakeTeam) -> None:
    team, odd = make_team(
        [
            "2026-01-01", "2026-01-01T00:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z",
            "yesterday", "", "2026-01-01T00:00:00+99:99", "\ud800", "9" * 4_000,
        ]
    )  # fmt: skip
    client = MlflowClient(team.uri)
    sha = team.git("rev-list", "--max-parents=0", "HEAD")
    for name, time in odd.items():
        stamp = f"{sha}@{time}".encode("utf-8", "replace").decode()
        client.set_model_version_tag(name, "1", "gitops.held.Staging", stamp)
    outcomes = models(check_that_well_is_healed(team, code=0))
    for name in odd:
        [verdict] = [v for v in outcomes[name]["gates"] if v["gate"] == "soak"]
        assert verdict["status"] == "waiting", "receipts say since when it soaks"


def test_a_highest_number_of_any_shape(make_team: MakeTeam) -> None:
    team, odd = make_team(["²", "9" * 5_000, "-1", "1e9", "٣"])
    for name, number in odd.items():
        MlflowClient(team.uri).set_registered_model_tag(name, "gitops.highest", number)
    check_that_well_is_healed(team, code=0)  # they soak
    assert team.run("import", *odd, "--dry-run").code in (0, 1)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text at all")


def surprise_of(kind: str) -> BaseException:
    return {
        "exit": SystemExit(3),
        "secret": RuntimeError("login correct-horse refused"),
        "unprintable": Unprintable(),
        "deep": RecursionError("too deep"),
        "memory": MemoryError(),
        "key": KeyError("\ud800\0"),
    }[kind]


SURPRISES = ("secret", "unprintable", "deep", "memory", "key")


def test_a_plug_in_that_raises(make_team: MakeTeam, monkeypatch: pytest.MonkeyPatch) -> None:
    team, odd = make_team([*SURPRISES, "exit"])

    def ask(subject: Any, settings: Any) -> Finding:
        raise surprise_of(odd[subject.model])

    check_plugin(team, odd, monkeypatch, ask)


def test_a_plug_in_that_answers_anything(
    make_team: MakeTeam, monkeypatch: pytest.MonkeyPatch
) -> None:
    team, odd = make_team(
        [
            None, "passed", [], 3, Finding("maybe", "x"), Finding("passed", None),  # type: ignore[arg-type]
            Finding("waiting", "x", until="tomorrow"), Finding("waiting", "x", until="9999-99-99"),
            Finding("waiting", "x", until=3), [Finding("passed", "x"), None],  # type: ignore[arg-type]
        ]
    )  # fmt: skip
    check_plugin(team, odd, monkeypatch, lambda subject, settings: odd[subject.model])


def check_plugin(
    team: Team, odd: dict[str, Any], monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Any]
) -> None:
    """The odd models enter a stage whose gate is the plug-in."""
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse")
    monkeypatch.setattr(plugins, "plugin_gate", lambda name: Gate(name, ask))
    rule = "Staging: {alias: staging, require: {plugins: {fair: {}}}}"
    team.write("policy.yaml", POLICY.replace("Staging: {alias: staging}", rule))
    team.commit("A gate", **dict.fromkeys(odd, "stages: {Staging: 1}\n"))
    team.commit("Through the gate", **dict.fromkeys(odd, "stages: {Staging: 2}\n"))
    ran = check_that_well_is_healed(team, "gate", "internal")
    plan = team.run("plan", *odd)
    assert plan.code == 4 and plan.out.count("fair") >= len(odd)
    assert "correct-horse" not in ran.out + ran.err + plan.out + plan.err
    assert all("correct-horse" not in receipt.text for receipt in receipts_in(team.folder))


@pytest.mark.parametrize("place", ["planning", "history", "MLmodel", "run"])
def test_an_exception_anywhere(
    make_team: MakeTeam, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    team, odd = make_team(SURPRISES)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse")
    owner, function = {
        "planning": (model_planner, "plan_model"),
        "history": (model_planner, "with_entries"),
        "MLmodel": (Registry, "model_file"),
        "run": (Registry, "record"),
    }[place]
    original = getattr(owner, function)
    kinds_of_runs = itertools.cycle(SURPRISES)  # a run does not say for which model it is read

    def raise_for_odd(*arguments: Any) -> Any:
        if place == "run":
            raise surprise_of(next(kinds_of_runs))
        about = {
            "planning": lambda: arguments[0],
            "history": lambda: arguments[1].target.manifest.name,
            "MLmodel": lambda: arguments[1],
        }[place]()
        if about in odd:
            raise surprise_of(odd[about])
        return original(*arguments)

    rule = "require: {signature: compatible, metrics: {accuracy: {min: 0.5}}}"
    team.write("policy.yaml", f"stages: {{Staging: {{alias: staging, {rule}}}}}\n")
    team.commit("Gates", **dict.fromkeys(odd, "stages: {Staging: 1}\n"))
    team.commit("Another", **dict.fromkeys(odd, "stages: {Staging: 2}\n"))
    monkeypatch.setattr(owner, function, raise_for_odd)
    ran = check_that_well_is_healed(team, "internal", "gate")
    for name, kind in odd.items():
        [refusal, *_] = models(ran)[name]["refusals"]
        if place in ("planning", "history"):
            assert refusal["code"] == "internal" and "-v" in refusal["way_out"]
            assert type(surprise_of(kind)).__name__ in refusal["detail"]
    assert "correct-horse" not in ran.out + ran.err


def test_an_entity_that_cannot_be_read(
    make_team: MakeTeam, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"tags": None, "aliases": {"a": "x"}, "version": "one", "current_stage": 3}
    team, odd = make_team(list(wrong))
    read_model, read_version = listing._model, listing._version

    class Odd:
        """An entity with one attribute of a wrong type."""

        def __init__(self, entity: Any) -> None:
            self._entity = entity

        def __getattr__(self, name: str) -> Any:
            wrong_name = odd[self._entity.name]
            return wrong[name] if name == wrong_name else getattr(self._entity, name)

    monkeypatch.setattr(
        listing, "_model", lambda model: read_model(Odd(model) if model.name in odd else model)
    )
    monkeypatch.setattr(
        listing, "_version", lambda one: read_version(Odd(one) if one.name in odd else one)
    )
    check_that_well_is_healed(team, "unreadable")
