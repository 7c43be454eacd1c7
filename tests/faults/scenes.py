"""What is reconciled in the experiments: a registry and a repository as they stood, and commits
that nobody applied yet.

Each scene is made once and copied for every run, so a run begins in a tenth of a second. Model
names are the scene's own: the same scene can be put into a server's database beside others.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.faults.forks import Forks, Job
from tests.support.team import Team

POLICY = """\
stages:
  Staging: {alias: staging}
  Canary: {alias: canary, native: false}
  Production: {alias: production}
"""
Commit = Mapping[str, str | None]
"""Model to the manifest that this commit gives it; None where it takes it away. `policy` is the
policy."""

_TABLES = {
    "registered_models": "name",
    "registered_model_tags": "name",
    "registered_model_aliases": "name",
    "model_versions": "name",
    "model_version_tags": "name",
}


@dataclass(frozen=True)
class Scene:
    """`versions` are registered by training before anything else. `before` is reconciled commit by
    commit, `clicks` are what people do then, `after` is left to be reconciled with `args`. In texts
    and clicks, `{m}` is the model's full name."""

    name: str
    versions: Mapping[str, int]
    before: Sequence[Commit]
    after: Sequence[Commit]
    clicks: Sequence[Sequence[str]] = ()
    args: Sequence[str] = ()
    code: int = 0
    """What an uninterrupted run exits with."""
    empties: frozenset[str] = frozenset()
    """Models whose Production is emptied on purpose."""

    def model(self, short: str) -> str:
        return f"{self.name}-{short}"

    @property
    def models(self) -> list[str]:
        shorts = {
            *self.versions,
            *(m for c in (*self.before, *self.after) for m in c if m != "policy"),
        }
        return sorted(self.model(short) for short in shorts)


SCENES = [
    Scene(
        "promotion",
        {"a": 3},
        [
            {
                "a": (
                    "stages: {Production: 1, Staging: 2}\nversions: {2: {tags: {validation:"
                    " passed}}}\n"
                )
            }
        ],
        [
            {
                "a": (
                    "description: Better.\nstages: {Production: 2, Staging: 3}\naliases: {champion:"
                    " 2}\ntags: {tier: '1'}\nversions: {2: {tags: {validation: passed, seen:"
                    " 'yes'}, description: Two.}}\n"
                )
            }
        ],
    ),
    Scene(
        "rollback",
        {"a": 3},
        [{"a": "stages: {Production: 1}\n"}, {"a": "stages: {Production: 3, Canary: 2}\n"}],
        [{"a": "stages: {Production: 1}\n"}],
    ),
    Scene(
        "cycle",
        {"a": 3},
        [{"a": "stages: {Production: 1, Staging: 3}\n"}],
        [{"a": "stages: {Production: 3, Staging: 1}\n"}],
    ),
    Scene(
        "chain",
        {"a": 4},
        [{"a": "stages: {Production: 3, Staging: 2, Archived: [1]}\n"}],
        [{"a": "stages: {Production: 1, Staging: 4, Archived: [2, 3]}\n"}],
    ),
    Scene(
        "several",
        {"a": 5},
        [
            {
                "policy": "stages:\n  Staging: {}\n  Production: {}\n",
                "a": "stages: {Production: [2, 4], Staging: 5}\n",
            }
        ],
        [{"a": "stages: {Production: [1, 5], Staging: [3, 4]}\n"}],
    ),
    Scene(
        "registration",
        {"a": 1},
        [{"a": "stages: {Production: 1}\n"}],
        [
            {
                "a": (
                    "stages: {Production: 2, Staging: 3}\nversions:\n  2: {source: 's3://made/2',"
                    " tags: {validation: passed}}\n  3: {source: 's3://made/3', description:"
                    " Third.}\n"
                )
            }
        ],
    ),
    Scene(
        "new",
        {},
        [{}],
        [
            {
                "a": (
                    "description: New.\ntags: {task: x}\nstages: {Production: 1}\naliases:"
                    " {champion: 2}\nversions: {1: {source: 's3://made/1'}, 2: {source:"
                    " 's3://made/2'}}\n"
                )
            }
        ],
    ),
    Scene(
        "removal",
        {"a": 3},
        [
            {
                "a": (
                    "description: Said.\nstages: {Production: 1, Canary: 2}\naliases: {champion: 1,"
                    " rival: 3}\ntags: {one: '1', two: '2'}\nversions: {1: {tags: {x: one},"
                    " description: One.}, 3: {tags: {x: two}}}\n"
                )
            }
        ],
        [
            {
                "a": (
                    "stages: {Production: 1}\naliases: {champion: 1}\ntags: {two: '2'}\nversions:"
                    " {3: {}}\n"
                )
            }
        ],
    ),
    Scene(
        "prune",
        {"a": 3, "b": 1},
        [
            {
                "a": "stages: {Production: 2, Staging: 3}\naliases: {champion: 1}\n",
                "b": "stages: {Production: 1}\n",
            }
        ],
        [{"a": None}],
        args=["--prune"],
        empties=frozenset({"a"}),
    ),
    Scene(
        "emptying",
        {"a": 2},
        [{"a": "stages: {Production: 2, Staging: 1}\n"}],
        [{"a": "stages: {Production: null}\n"}],
        empties=frozenset({"a"}),
    ),
    Scene(
        "adoption",
        {"a": 3},
        [{}],
        [{"a": "stages: {Production: 2, Staging: 3}\naliases: {champion: 2}\n"}],
        clicks=[
            ["transition_model_version_stage", "{a}", "2", "Production"],
            ["set_registered_model_alias", "{a}", "champion", "1"],
            ["set_registered_model_alias", "{a}", "production", "2"],
        ],
    ),
    Scene(
        "wrong-number",
        {"a": 2},
        [{"a": "stages: {Production: 1}\n"}],
        [{"a": "stages: {Production: 1, Staging: 3}\nversions: {3: {source: 's3://made/3'}}\n"}],
        # MLflow gives the highest number again where the newest versions were deleted, so 3 is used
        # up by hand.
        clicks=[["create_model_version", "{a}", "s3://by-hand/3"]],
        code=4,
    ),
    Scene(
        "many-commits",
        {"a": 4},
        [{"a": "stages: {Production: 1}\naliases: {champion: 1}\n"}],
        [
            {"a": "stages: {Production: 2}\naliases: {champion: 2, rival: 1}\ntags: {t: one}\n"},
            {"a": "stages: {Production: 4, Staging: 3}\naliases: {champion: 4}\ntags: {t: two}\n"},
        ],
    ),
    Scene(
        "renamed-alias",
        {"a": 2},
        [{"a": "stages: {Production: 1, Canary: 2}\n"}],
        [
            {
                "policy": (
                    POLICY.replace("alias: canary", "alias: bird").replace("{alias: staging}", "{}")
                )
            }
        ],
    ),
    Scene(
        "crowd",
        {"a": 2, "b": 2, "c": 2},
        [{m: "stages: {Production: 1, Staging: 2}\n" for m in "abc"}],
        [{m: "stages: {Production: 2}\n" for m in "abc"}],
    ),
    Scene(
        "partly-refused",
        {"a": 2, "b": 2},
        [{m: "stages: {Production: 1}\n" for m in "ab"}],
        [{"a": "stages: {Production: 2}\n", "b": "stages: {Production: 7}\n"}],
        code=4,
    ),
    Scene(
        "healing",
        {"a": 3},
        [{"a": "stages: {Production: 2}\naliases: {champion: 2}\n"}],
        [{"a": "stages: {Production: 2, Staging: 3}\naliases: {champion: 2}\n"}],
        clicks=[
            ["set_registered_model_alias", "{a}", "champion", "1"],
            ["transition_model_version_stage", "{a}", "1", "Production"],
        ],
    ),
]
BY_NAME = {scene.name: scene for scene in SCENES}


@dataclass(frozen=True)
class Stage:
    """One copy of a scene, to run in."""

    scene: Scene
    folder: Path

    @property
    def repo(self) -> Path:
        return self.folder / "repo"

    @property
    def database(self) -> Path:
        return self.folder / "mlflow.db"

    @property
    def team(self) -> Team:
        team = Team.__new__(Team)
        team.folder, team.uri = self.repo, f"sqlite:///{self.database}"
        return team

    def job(self, *args: str, uri: str | None = None, log: str = "run", **options: object) -> Job:
        """`reconcile` with the scene's arguments, or what is given."""
        step = list(args) or ["reconcile", "--yes", "--format", "json", *self.scene.args]
        where = uri or f"sqlite:///{self.database}"
        return Job(str(self.repo), where, [step], str(self.folder / log), **options)  # type: ignore[arg-type]

    def copy(self, folder: Path) -> Stage:
        folder.mkdir(parents=True)
        shutil.copytree(self.repo, folder / "repo", symlinks=True)
        shutil.copy(self.database, folder / "mlflow.db")
        return Stage(self.scene, folder)

    def remove(self) -> None:
        shutil.rmtree(self.folder)


def build(scene: Scene, folder: Path, blank: bytes, forks: Forks) -> Stage:
    """Make a scene from an empty registry."""
    folder.mkdir(parents=True)
    (folder / "mlflow.db").write_bytes(blank)
    stage = Stage(scene, folder)
    team = Team(stage.repo, f"sqlite:///{stage.database}")
    team.write("policy.yaml", POLICY)
    names = {short: scene.model(short) for short in scene.versions}
    training = [["create_registered_model", name] for name in names.values()]
    for short, name in names.items():
        training += [
            ["create_model_version", name, f"s3://trained/{i}"]
            for i in range(1, scene.versions[short] + 1)
        ]
    _clicks(stage, forks, training)
    for number, commit in enumerate(scene.before):
        _commit(team, scene, commit, f"Before {number}")
        ended = forks.run(stage.job("reconcile", "--yes", "--format", "json"))
        assert ended.code == 0, ended
    _clicks(stage, forks, [[word.format(**names) for word in click] for click in scene.clicks])
    for number, commit in enumerate(scene.after):
        _commit(team, scene, commit, f"After {number}")
    return stage


def _commit(team: Team, scene: Scene, commit: Commit, message: str) -> None:
    for short, text in commit.items():
        if short == "policy":
            team.write("policy.yaml", text or "")
        elif text is None:
            (team.folder / f"registry/models/{scene.model(short)}.yaml").unlink()
        else:
            team.write(f"models/{scene.model(short)}.yaml", f"name: {scene.model(short)}\n{text}")
    team.commit(message)


def _clicks(stage: Stage, forks: Forks, clicks: Sequence[Sequence[str]]) -> None:
    job = stage.job()
    if clicks:
        ended = forks.run(
            Job(job.folder, job.uri, [["click", *click] for click in clicks], job.log)
        )
        assert ended.code == 0, ended


def plant(stage: Stage, database: Path) -> None:
    """Put a scene's models into the database of a running server, as they stand in the scene; what
    was there of them goes."""
    marks = ",".join("?" for _ in stage.scene.models)
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.execute("ATTACH ? AS scene", (str(stage.database),))
        with connection:
            for table, column in reversed(_TABLES.items()):
                connection.execute(
                    f"DELETE FROM main.{table} WHERE {column} IN ({marks})", stage.scene.models
                )
            for table, column in _TABLES.items():
                connection.execute(
                    f"INSERT INTO main.{table} SELECT * FROM scene.{table} WHERE {column} IN"
                    f" ({marks})",
                    stage.scene.models,
                )
