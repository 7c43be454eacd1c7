"""One model's surprise is that model's refusal (DESIGN §6): no traceback, and every other model is
planned, healed and verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mlflow_gitops.app.planning import model_planner
from mlflow_gitops.core.gates.gate import Finding, Gate
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.edges.mlflow import listing
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.edges.system import plugins
from tests.support.team import Ran, Team

POLICY = """\
stages:
  Staging: {alias: staging}
  Production: {alias: production, from: [Staging], soak: 1h}
"""


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    """Two models, reconciled; `odd` then gets a merged promotion, `well` drifts."""
    made = Team(tmp_path / "repo", blank_registry(tmp_path / "mlflow.db"))
    client = MlflowClient(made.uri)
    for name in ("odd", "well"):
        client.create_registered_model(name)
        for number in range(1, 3):
            client.create_model_version(name, f"s3://trained/{number}", await_creation_for=0)
    made.write("policy.yaml", POLICY)
    made.commit("First", odd="stages: {Staging: 1}\n", well="stages: {Staging: 1}\n")
    made.reconcile()
    made.commit("Second", odd="stages: {Production: 1}\n")
    client.set_registered_model_alias("well", "staging", "2")
    return made


def ascii_id(text: str) -> str:
    return ascii(text)[:40]


def models(ran: Ran) -> dict[str, Any]:
    return {model["model"]: model for model in ran.json["models"]}


def check_that_well_is_healed(team: Team, *codes: str, code: int = 4) -> Ran:
    """Run everything; `odd` is refused with one of the codes, `well` is drifted and then healed."""
    for command in ("status", "plan", "log", "report --out page", "verify"):
        ran = team.run(*command.replace("page", str(team.folder / ".git" / "page")).split())
        assert ran.code in (0, 4), (command, ran)
    status = models(team.run("status", "--format", "json"))
    assert status["well"]["sync"] == "Drifted"

    ran = team.run("reconcile", "--yes", "--format", "json")
    assert ran.code == code, ran
    outcomes = models(ran)
    assert outcomes["well"]["result"] == "applied" and outcomes["odd"]["changes"] == []
    assert {refusal["code"] for refusal in outcomes["odd"]["refusals"]} <= set(codes)
    aliases = MlflowClient(team.uri).get_registered_model("well").aliases
    assert {alias: int(version) for alias, version in aliases.items()} == {"staging": 1}
    return ran


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-01", "2026-01-01T00:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z",
        "yesterday", "", "2026-01-01T00:00:00+99:99", "\ud800", "9" * 4_000,
    ],
    ids=ascii_id,
)  # fmt: skip
def test_a_held_stamp_of_any_shape(team: Team, time: str) -> None:
    client = MlflowClient(team.uri)
    sha = team.git("rev-list", "--max-parents=0", "HEAD")
    stamp = f"{sha}@{time}".encode("utf-8", "replace").decode()
    client.set_model_version_tag("odd", "1", "gitops.held.Staging", stamp)
    ran = check_that_well_is_healed(team, code=0)
    [verdict] = [v for v in models(ran)["odd"]["gates"] if v["gate"] == "soak"]
    assert verdict["status"] == "waiting", "receipts say since when it soaks"


@pytest.mark.parametrize("number", ["²", "9" * 5_000, "-1", "1e9", "٣"], ids=ascii_id)
def test_a_highest_number_of_any_shape(team: Team, number: str) -> None:
    MlflowClient(team.uri).set_registered_model_tag("odd", "gitops.highest", number)
    check_that_well_is_healed(team, code=0)  # it soaks
    assert team.run("import", "odd", "--dry-run").code in (0, 1)


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


@pytest.mark.parametrize("kind", [*SURPRISES, "exit"])
def test_a_plug_in_that_raises(team: Team, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def ask(subject: Any, settings: Any) -> Finding:
        raise surprise_of(kind)

    check_plugin(team, monkeypatch, ask)


@pytest.mark.parametrize(
    "answer",
    [
        None, "passed", [], 3, Finding("maybe", "x"), Finding("passed", None),  # type: ignore[arg-type]
        Finding("waiting", "x", until="tomorrow"), Finding("waiting", "x", until="9999-99-99"),
        Finding("waiting", "x", until=3), [Finding("passed", "x"), None],  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_plug_in_that_answers_anything(
    team: Team, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    check_plugin(team, monkeypatch, lambda subject, settings: answer)


def check_plugin(team: Team, monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Any]) -> None:
    """`odd` enters a stage whose gate is the plug-in."""
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse")
    monkeypatch.setattr(plugins, "plugin_gate", lambda name: Gate(name, ask))
    rule = "Staging: {alias: staging, require: {plugins: {fair: {}}}}"
    team.write("policy.yaml", POLICY.replace("Staging: {alias: staging}", rule))
    team.commit("A gate", odd="stages: {Staging: 1}\n")
    team.commit("Through the gate", odd="stages: {Staging: 2}\n")
    ran = check_that_well_is_healed(team, "gate", "internal")
    plan = team.run("plan", "odd")
    assert plan.code == 4 and "fair" in plan.out
    assert "correct-horse" not in ran.out + ran.err + plan.out + plan.err
    receipts = team.git("notes", "--ref", "mlflow-gitops", "show", "HEAD")
    assert "correct-horse" not in receipts


@pytest.mark.parametrize("kind", SURPRISES)
@pytest.mark.parametrize("place", ["planning", "history", "MLmodel", "run"])
def test_an_exception_anywhere(
    team: Team, monkeypatch: pytest.MonkeyPatch, place: str, kind: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse")
    owner, name = {
        "planning": (model_planner, "plan_model"),
        "history": (HistoryReader, "with_entries"),
        "MLmodel": (Registry, "model_file"),
        "run": (Registry, "record"),
    }[place]
    original = getattr(owner, name)

    def raise_for_odd(*arguments: Any) -> Any:
        history = arguments[1] if place == "history" else None
        about = history.target.manifest.name if history else arguments[0]
        if about == "odd" or place in ("MLmodel", "run"):
            raise surprise_of(kind)
        return original(*arguments)

    rule = "require: {signature: compatible, metrics: {accuracy: {min: 0.5}}}"
    team.write("policy.yaml", f"stages: {{Staging: {{alias: staging, {rule}}}}}\n")
    team.commit("Gates", odd="stages: {Staging: 1}\n")
    team.commit("Another", odd="stages: {Staging: 2}\n")
    monkeypatch.setattr(owner, name, raise_for_odd)
    ran = check_that_well_is_healed(team, "internal", "gate")
    [refusal, *_] = models(ran)["odd"]["refusals"]
    if place in ("planning", "history"):
        assert refusal["code"] == "internal" and "-v" in refusal["way_out"]
        assert type(surprise_of(kind)).__name__ in refusal["detail"]
    assert "correct-horse" not in ran.out + ran.err


@pytest.mark.parametrize("wrong", ["tags", "aliases", "version", "stage"])
def test_an_entity_that_cannot_be_read(
    team: Team, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    def is_odd(entity: Any) -> bool:
        return bool(entity.name == "odd")

    read_model, read_version = listing._model, listing._version

    class Odd:
        """An entity with one attribute of a wrong type."""

        def __init__(self, entity: Any) -> None:
            self._entity = entity

        def __getattr__(self, name: str) -> Any:
            values = {"tags": None, "aliases": {"a": "x"}, "version": "one", "current_stage": 3}
            wrong_name = "current_stage" if wrong == "stage" else wrong
            return values[name] if name == wrong_name else getattr(self._entity, name)

    monkeypatch.setattr(
        listing, "_model", lambda model: read_model(Odd(model) if is_odd(model) else model)
    )
    monkeypatch.setattr(
        listing, "_version", lambda one: read_version(Odd(one) if is_odd(one) else one)
    )
    ran = check_that_well_is_healed(team, "unreadable")
    assert models(ran)["odd"]["refusals"]
