"""Each guard from the outside: refused with its numbers and its way out, nothing written; then the
way out, taken.

Covered elsewhere, on every kind of registry: stale, another owner, a saved plan, the limit, prune
and a freeze in `lanes/test_any_registry.py`, gates and overrides in `lanes/test_gates.py`,
`--since` in `lanes/test_reconcile_since.py`, `--watch` in `lanes/watch/`. This is the rest
of RULES R4 and R8.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.errors import RegistryFailure
from tests.faults.scenes import POLICY
from tests.support.registries.lane import LaneRegistry
from tests.support.team import Ran, Team


@pytest.fixture
def uri(tmp_path: Path, blank_registry: Callable[[Path], str]) -> str:
    return blank_registry(tmp_path / "mlflow.db")


@pytest.fixture
def shelf(uri: str) -> LaneRegistry:
    return LaneRegistry(uri)


@pytest.fixture
def team(uri: str, tmp_path: Path) -> Team:
    made = Team(tmp_path / "repo", uri)
    made.write("policy.yaml", POLICY)
    return made


def refused(ran: Ran, code: str, *said: str) -> None:
    assert ran.code == 4, ran
    for word in (f"[{code}]", *said):
        assert word in ran.out, (word, ran.out)


def test_a_dropped_line_of_a_protected_stage(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(3)
    team.commit(**{name: "stages: {Production: 2, Staging: 3}\n"})
    team.reconcile()
    team.commit(**{name: "stages: {Staging: 3}\n"})
    refused(team.run("reconcile", "--yes"), "protected", "held by 2", "Production: null")
    assert shelf.stages(name)[2] == "Production" and shelf.aliases(name)["production"] == 2
    team.commit(**{name: "stages: {Staging: 3, Production: null}\n"})
    team.reconcile()
    assert shelf.stages(name)[2] == "Archived" and "production" not in shelf.aliases(name)


def test_a_base_that_a_shallow_clone_does_not_have(
    team: Team, shelf: LaneRegistry, tmp_path: Path
) -> None:
    name = shelf.model(2)
    base = team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    team.commit(**{name: "stages: {Production: 2}\n"})
    team.git("clone", "-q", "--depth", "1", f"file://{team.folder}", str(tmp_path / "clone"))
    clone = Team.__new__(Team)
    clone.folder, clone.uri = tmp_path / "clone", team.uri
    ran = clone.run("reconcile", "--yes")
    assert ran.code in (1, 4) and "git fetch --unshallow" in ran.out + ran.err, ran
    assert ran.code == 1 or base[:12] in ran.out or "owner" in ran.out
    assert shelf.stages(name) == {1: "Production", 2: "None"}
    clone.git("fetch", "-q", "--unshallow")
    clone.reconcile()
    assert shelf.stages(name) == {1: "Archived", 2: "Production"}


def test_a_base_that_was_rewritten_away(team: Team, shelf: LaneRegistry) -> None:
    name = shelf.model(2)
    team.commit("Root")
    base = team.commit(**{name: "stages: {Production: 1}\n"})
    team.reconcile()
    team.git("reset", "-q", "--hard", "HEAD~1")
    team.commit("Forced over it", **{name: "stages: {Production: 2}\n"})
    refused(team.run("reconcile", "--yes"), "base_unknown", base[:12], f"reconcile {name} --adopt")
    assert shelf.stages(name)[1] == "Production"
    team.reconcile(name, "--adopt")
    assert shelf.stages(name) == {1: "Archived", 2: "Production"}


@pytest.mark.parametrize(
    "way", ["models deleted", "folder deleted", "folder renamed", "everything but a note deleted"]
)
def test_an_emptied_registry_folder_demotes_nothing(
    team: Team, shelf: LaneRegistry, way: str
) -> None:
    """Not even with --prune, by a policy without limits."""
    names = [shelf.model(1, f"m{i:02}") for i in range(12)]
    (team.folder / "note").write_text("stays")
    team.commit(**{name: "stages: {Production: 1}\n" for name in names})
    team.reconcile("--max-changes", "12")
    before = {name: (shelf.stages(name), shelf.aliases(name), shelf.tags(name)) for name in names}
    if way == "folder renamed":
        team.git("mv", "registry", "models-of-ours")
    else:
        team.git("rm", "-q", "-r", "registry/models" if way == "models deleted" else "registry")
    team.commit("Oops")
    for args in ((), ("--prune",)):
        ran = team.run("reconcile", "--yes", *args)
        assert ran.code in ((0, 1, 3) if not args else (1, 3, 4)), (args, ran)
        if ran.code == 4:
            assert "12 of 12 models" in ran.out and "--prune --max-changes 12" in ran.out, ran
        assert {
            name: (shelf.stages(name), shelf.aliases(name), shelf.tags(name)) for name in names
        } == before, args


def test_the_worst_of_several_outcomes_is_the_exit_code(
    team: Team, shelf: LaneRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses, fails, goes = (shelf.model(1, name) for name in ("refuses", "fails", "goes"))
    team.commit("Root")
    team.commit(
        **{
            name: f"stages: {{Production: {7 if name == refuses else 1}}}\n"
            for name in (refuses, fails, goes)
        }
    )
    transition = Registry.transition

    def breaks(self: Registry, name: str, version: int, stage: str) -> None:
        if name == fails:
            raise RegistryFailure("it broke")
        transition(self, name, version, stage)

    with monkeypatch.context() as broken:
        broken.setattr(Registry, "transition", breaks)
        ran = team.run("reconcile", "--yes", "--format", "json")
        assert ran.code == 5
        results = {
            model["model"]: (model["result"], model["error"]) for model in ran.json["models"]
        }
        assert results == {
            refuses: ("refused", None),
            fails: ("failed", "it broke"),
            goes: ("applied", None),
        }
    assert team.run("reconcile", "--yes").code == 4, "the failure is gone, the refusal is not"
    team.commit(**{refuses: "stages: {Production: one}\n"})
    assert team.run("reconcile", "--yes").code == 3, "invalid files are reported at the end"
    assert team.run("reconcile").code == 64, "nobody is there to ask"
    assert team.run("reconcile", "--yes", "--rev", "no-such").code == 1
