"""Hostile manifests and policies: always a clear error or a plain reading, in time and in bounds,
and nothing else is read."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import SourceFile, build
from mlflow_gitops.render.terminal import safe
from tests.hostile.material import CANARY, FRAGMENTS, HEAVY, MANIFEST, POLICY, generated
from tests.hostile.measured import Children
from tests.support.experiments.sampling import CountCases
from tests.support.team import Team

GENERATED = list(generated())
GOOD = "name: m\nstages: {}\n"


def test_there_are_enough() -> None:
    assert len(GENERATED) + len(HEAVY) >= 200
    assert len({data for _, _, data, _ in GENERATED}) == len(GENERATED), "no file twice"


@pytest.mark.parametrize("fragment", [one.name for one in FRAGMENTS])
def test_every_fragment_in_every_place(fragment: str, counted: CountCases) -> None:
    mine = [one for one in GENERATED if one[0].endswith(f": {fragment}")]
    assert len(mine) == len(MANIFEST) + len(POLICY)
    for name, file, data, code in mine:
        files = [SourceFile(f"registry/{file}", data)]
        if file == "policy.yaml":
            files.append(SourceFile("registry/models/m.yaml", GOOD.encode()))
        snapshot = build(files, RegistryFolder("registry"))
        found = {problem.code for problem in snapshot.problems}
        assert code is None or code in found, (name, found)
        for problem in snapshot.problems:
            shown = safe(problem.message)
            assert shown.isprintable() and len(shown) < 1500, name
            assert (
                problem.line >= 1 and problem.column >= 1 and problem.file == f"registry/{file}"
            ), name
    counted("hostile manifests and policies", len(mine))


@pytest.fixture
def team(tmp_path: Path) -> Team:
    (tmp_path / "secret.yaml").write_text(f"{CANARY}: [\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.yaml").write_text(f"name: {CANARY}\n")
    made = Team(tmp_path / "repo", "unused")
    made.write("models/m.yaml", GOOD)
    return made


QUICK = {
    "a wrong version",
    "100,000 tags",
    "open lists",
    "a long number",
    "rules",
    "UTF-16",
    "a pickle",
    "a gigabyte with holes",
}


@pytest.mark.parametrize(
    "case", [pytest.param(one, marks=() if one in QUICK else pytest.mark.real) for one in HEAVY]
)
def test_a_file_made_to_cost(case: str, team: Team, children: Children) -> None:
    path, data = HEAVY[case]
    file = team.folder / "registry" / path
    file.write_bytes(data)
    if case == "a gigabyte with holes":
        os.truncate(file, 1 << 30)
    ran = children.run(team.folder, "validate").must_be_fair(team.folder)
    assert ran.code in (0, 3) and len(ran.said) < 200_000
    if ran.code == 3:
        assert f"registry/{path}:" in ran.said


# -- what is no plain file -------------------------------------------------------------------------


def link(target: str, at: str = "models/evil.yaml") -> Callable[[Path], None]:
    def make(registry: Path) -> None:
        (registry / at).parent.mkdir(parents=True, exist_ok=True)
        (registry / at).symlink_to(target)

    return make


def fifo(registry: Path) -> None:
    os.mkfifo(registry / "models" / "evil.yaml")


def fifo_policy(registry: Path) -> None:
    os.mkfifo(registry / "policy.yaml")


def listening(registry: Path) -> None:
    here = Path.cwd()
    os.chdir(registry / "models")  # a socket's path may be 100 characters long
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("evil.yaml")
    os.chdir(here)


def folder(registry: Path) -> None:
    (registry / "models" / "evil.yaml").mkdir()


def deep(registry: Path) -> None:
    path = registry / "models"
    for _ in range(60):
        path = path / "d"
    path.mkdir(parents=True)
    (path / "evil.yaml").write_text("name: other\n")


def bytes_in_a_name(registry: Path) -> None:
    with open(os.fsencode(registry / "models") + b"/\xff\xfe\x1b[2Jevil.yaml", "wb") as stream:
        stream.write(b"name: x\n")


def named(name: str, text: str = "name: x\nstages: {}\n") -> Callable[[Path], None]:
    return lambda registry: (registry / "models" / name).write_text(text) and None


NODES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a link to a file beside the repository": (link("../../../secret.yaml"), "not-a-file"),
    "an absolute link": (link("/etc/passwd"), "not-a-file"),
    "a link to a device": (link("/dev/zero"), "not-a-file"),
    "a link to what a process knows": (link("/proc/self/environ"), "not-a-file"),
    "a link to itself": (link("evil.yaml"), "not-a-file"),
    "a link to nothing": (link("nowhere"), "not-a-file"),
    "a link to a good manifest": (link("m.yaml"), "not-a-file"),
    "a link to a folder beside the repository": (
        link("../../../models", "models/evil"),
        "not-a-file",
    ),
    "a link to its own folder": (link(".", "models/evil"), "not-a-file"),
    "a link to the root": (link("/", "models/evil"), "not-a-file"),
    "a policy that is a link": (link("../../secret.yaml", "policy.yaml"), "not-a-file"),
    "a policy that is a device": (link("/dev/zero", "policy.yaml"), "not-a-file"),
    "a pipe": (fifo, "not-a-file"),
    "a policy that is a pipe": (fifo_policy, "not-a-file"),
    "a socket": (listening, "not-a-file"),
    "a folder of a manifest's name": (folder, ""),
    "sixty folders": (deep, "file-name"),
    "a name of any bytes": (bytes_in_a_name, "file-name"),
    "a name that leads out": (
        named("..%2F..%2Fx.yaml", "name: ../../x\nstages: {}\n"),
        "bad-value",
    ),
    "a name of dots": (named("...yaml"), "file-name"),
    "a name with a line break": (named("a\nb.yaml"), "file-name"),
    "a name that commands GitHub": (named("::error file=x::y.yaml"), "file-name"),
    "a name that turns round": (named("\u202ex.yaml"), "file-name"),
    "a name as long as may be": (named("n" * 250 + ".yaml"), "file-name"),
}


@pytest.mark.parametrize("case", NODES)
def test_what_is_no_plain_file(case: str, team: Team, children: Children) -> None:
    make, code = NODES[case]
    make(team.folder / "registry")
    for form in ("text", "github"):
        ran = children.run(team.folder, "validate", "--format", form).must_be_fair(team.folder)
        assert CANARY not in ran.said and code in ran.said
        assert "\x1b" not in ran.said and "\u202e" not in ran.said
        assert not [line for line in ran.out.splitlines() if line.startswith("::error file=x")]
        assert ran.code == (3 if code else 0), ran


def test_a_registry_folder_that_is_a_link(team: Team, tmp_path: Path, children: Children) -> None:
    (team.folder / "other").symlink_to("..")
    for name in ("other", "other/models", "../models", "/etc", "."):
        ran = children.run(team.folder, "--registry-dir", name, "validate").must_be_fair(
            team.folder
        )
        assert ran.code in (1, 64) and CANARY not in ran.said


# -- at random -------------------------------------------------------------------------------------

ROUNDS = int(os.environ.get("MLFLOW_GITOPS_FUZZ", "100"))


def test_manifests_and_policies_at_random(counted: CountCases) -> None:
    """Good files cut, doubled, mixed and sprinkled with fragments; the seed is its own name, so
    that it can be repeated."""
    examples = Path(__file__).parent.parent / "core" / "examples" / "good"
    good = {
        kind: [file.read_bytes() for file in sorted((examples / kind).glob("*.yaml"))]
        for kind in ("models", "policies")
    }
    pieces = [one.text.encode("utf-8", "surrogatepass") for one in FRAGMENTS]
    for round_ in range(ROUNDS):
        chance = random.Random(f"files {round_}")
        kind = chance.choice(["models", "policies"])
        data = bytearray(chance.choice(good[kind]))
        for _ in range(chance.randint(1, 8)):
            at, to = sorted(chance.randrange(len(data) + 1) for _ in range(2))
            way = chance.randrange(5)
            if way == 0:
                del data[at:to]
            elif way == 1:
                data[at:at] = data[at:to]
            elif way == 2:
                data[at:at] = chance.choice(pieces)
            elif way == 3 and data:
                data[at % len(data)] = chance.randrange(256)
            else:
                data[at:at] = chance.choice(chance.choice(list(good.values())))[at:to]
        path = "registry/policy.yaml" if kind == "policies" else "registry/models/m.yaml"
        files = [
            SourceFile(path, bytes(data)),
            SourceFile("registry/models/n.yaml", b"name: n\nstages: {Production: 1}\n"),
        ]
        snapshot = build(files, RegistryFolder("registry"))
        assert all(safe(problem.message).isprintable() for problem in snapshot.problems), round_
    counted("manifests and policies at random", ROUNDS)
