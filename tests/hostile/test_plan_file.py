"""A saved plan that was edited, in every field: it is refused, or says what it said before."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlflow_gitops.app import saved_plan
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.errors import Failure
from tests.hostile.measured import Children
from tests.support.experiments.sampling import CountCases
from tests.support.team import Team

ODD: tuple[Any, ...] = (
    None,
    True,
    7,
    -1,
    1.5,
    float("inf"),
    "",
    "\ud800",
    "m",
    [],
    [None],
    {},
    {"a": []},
)
Path_ = tuple["str | int", ...]


def edited(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Each part replaced by each odd one, left out, or joined by a stranger; and where that is."""
    if isinstance(value, dict):
        yield (*path, "stranger"), {**value, "stranger": 1}
        for key in value:
            yield (*path, key), {k: v for k, v in value.items() if k != key}
            for one in ODD:
                yield (*path, key), value | {key: one}
            for where, one in edited(value[key], (*path, key)):
                yield where, value | {key: one}
    elif isinstance(value, list):
        yield (*path, len(value)), [*value, {}]
        for i in range(len(value)):
            yield (*path, i), [*value[:i], *value[i + 1 :]]
            for where, one in edited(value[i], (*path, i)):
                yield where, [*value[:i], one, *value[i + 1 :]]


@pytest.fixture
def team(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Team:
    from mlflow import MlflowClient

    made = Team(tmp_path / "repo", blank_registry(tmp_path / "mlflow.db"))
    client = MlflowClient(made.uri)
    client.create_registered_model("m")
    for number in (1, 2):
        client.create_model_version("m", f"s3://models/{number}", await_creation_for=0)
    made.commit(
        "First", m="stages: {Production: 2, Staging: 1}\ntags: {a: b}\naliases: {champion: 2}\n"
    )
    return made


def test_edited_in_every_field(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: CountCases
) -> None:
    file, kept, save = tmp_path / "plan.json", list[Plan](), saved_plan.save

    def keep(plan: Plan, *rest: Any) -> None:
        kept.append(plan)
        save(plan, *rest)

    monkeypatch.setattr(saved_plan, "save", keep)
    assert team.run("plan", "--out", str(file)).code == 0
    content = json.loads(file.read_text())
    saved_plan.load(file).check(kept[0])
    tried = refused = 0
    for path, changed in edited(content):
        if changed == content:
            continue
        file.write_text(json.dumps(changed))
        tried += 1
        try:
            plan = saved_plan.load(file)
            plan.check(kept[0])
        except Failure as failure:
            refused += 1
            assert str(file) in str(failure)
        else:
            assert all(isinstance(name, str) for name in plan.selection) and type(
                plan.other_models
            ) in (
                int,
                bool,
            )
            # What passes is what the check leaves out, or what is not carried out from the file.
            assert path[0] not in ("models", "made_from") or set(path) & set(
                saved_plan._MAY_DIFFER
            ), path
    assert refused > 300
    counted("plan files edited in every field", tried)


@pytest.mark.parametrize(
    "edit",
    [{"others": 10**9}, {"prune": True}, {"selection": ["m", "x"]}, {"made_from": {"x": "y"}}],
)
def test_edited_and_carried_out(team: Team, tmp_path: Path, edit: dict[str, Any]) -> None:
    """What would widen it: more models for the limit to count, pruning, other models, another
    origin."""
    file = tmp_path / "plan.json"
    team.write("policy.yaml", "limits: {changed_models: {percent: 10, floor: 0}}\n")
    team.commit("Limit")
    assert team.run("plan", "--out", str(file)).code in (0, 4)
    file.write_text(json.dumps(json.loads(file.read_text()) | edit))
    ran = team.run("reconcile", "--plan", str(file), "--yes")
    assert ran.code in (1, 4), ran


NOT_PLANS: dict[str, Callable[[Path], object]] = {
    "a pipe": lambda file: os.mkfifo(file),
    "a device": lambda file: file.symlink_to("/dev/zero"),
    "a folder": lambda file: file.mkdir(),
    "a loop": lambda file: file.symlink_to(file.name),
    "a gigabyte with holes": lambda file: (file.write_bytes(b""), os.truncate(file, 1 << 30)),
    "lists": lambda file: file.write_text("[" + "[]," * 9_000_000 + "[]]"),
    "depth": lambda file: file.write_text("[" * 1_000_000),
    "just not too deep": lambda file: file.write_text(
        '{"schema":1,"models":' + "[" * 900 + "]" * 900 + "}"
    ),
    "digits": lambda file: file.write_text('{"schema": ' + "1" * 1_000_000 + "}"),
    "UTF-16": lambda file: file.write_text("{}", encoding="utf-16"),
    "NULs": lambda file: file.write_bytes(b"\0" * 1000),
    "nothing": lambda file: file.write_bytes(b""),
    "a pickle": lambda file: file.write_bytes(b"\x80\x04\x8c\x05posix\x8c\x06system\x93."),
}


@pytest.mark.parametrize("case", NOT_PLANS)
def test_what_is_no_plan(case: str, children: Children, tmp_path: Path) -> None:
    team = Team(tmp_path / "repo", "unused")
    team.commit("First", m="stages: {}\n")
    file = team.folder / "plan.json"
    NOT_PLANS[case](file)
    ran = children.run(team.folder, "reconcile", "--yes", "--plan", str(file)).must_be_fair(
        team.folder
    )
    assert ran.code == 1 and "plan" in ran.err
