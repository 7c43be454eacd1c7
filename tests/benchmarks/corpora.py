"""What the benchmarks work on: manifests, long histories, and stores that are filled through
MLflow's own tables.

Everything is made from numbers, so that two runs measure the same.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.plan.plan import Plan
from tests.support.git_histories import START, Repo

NOW = START * 1000
_TEAMS = ("risk", "growth", "search", "vision", "speech", "supply", "care")
_SENTENCES = (
    "Scores what comes in for what it may be,",
    "once an hour, and once more at night.",
    "Its training data end with the last full month.",
    "Ask the team before it is taken anywhere else.",
    "What it says of the first minutes after a restart is not to be trusted.",
)


def name(i: int) -> str:
    return f"model-{i:05}"


def manifest(i: int, *, production: int = 3, staging: int = 4, champion: int = 3) -> str:
    """One model's manifest of 20 to 40 lines; which of them is longer and what stands where follows
    from its number."""
    rng = random.Random(i)
    lines = ["# Owned by the team below; ask there first.", f"name: {name(i)}", "description: >-"]
    lines += [f"  {sentence}" for sentence in rng.sample(_SENTENCES, rng.randint(1, 4))]
    lines.append(f'owners: ["@your-org/{rng.choice(_TEAMS)}"]')
    tags = {"task": rng.choice(("classification", "regression", "ranking")), "tier": f'"{i % 3}"'}
    if rng.random() < 0.5:
        lines.append("tags: {" + ", ".join(f"{key}: {value}" for key, value in tags.items()) + "}")
    else:
        lines += ["tags:", *(f"  {key}: {value}" for key, value in tags.items())]
    lines += [
        "stages:",
        f"  Production: {production}",
        f"  Staging: {staging}",
        "aliases:",
        f"  champion: {production}",
    ]
    lines.append("versions:")
    for version in range(1, 5):
        lines += [
            f"  {version}:",
            f"    run_id: {run_id(i, version)}",
            f"    source: {source(i, version)}",
        ]
        if rng.random() < 0.6:
            lines.append(f'    tags: {{validation: passed, batch: "{rng.randrange(1000)}"}}')
    return "\n".join(lines) + "\n"


def run_id(i: int, version: int) -> str:
    return f"f{i:023x}{version:08x}"


def source(i: int, version: int) -> str:
    return f"models:/m-{run_id(i, version)}"


def write_manifests(folder: Path, count: int) -> list[Path]:
    """A registry folder of so many manifests in a repository of one commit."""
    models = folder / "registry" / "models"
    models.mkdir(parents=True)
    files = [models / f"{name(i)}.yaml" for i in range(count)]
    for i, file in enumerate(files):
        file.write_text(manifest(i), encoding="utf-8")
    repo = Repo(folder)
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "Manifests")
    return files


def write_history(folder: Path, commits: int, models: int) -> Repo:
    """A main line of so many commits over so many manifests: a promotion of one line each, every
    tenth merged from a branch."""
    repo = Repo(folder)
    rng = random.Random(1)
    production, staging = [3] * models, [4] * models
    stream: list[bytes] = []
    for i in range(commits):
        model = i if i < models else rng.randrange(models)
        if i >= models and staging[model] > production[model] + 1:
            production[model] = staging[model] - 1
        elif i >= models:
            staging[model] += rng.randint(1, 3)
        text = manifest(model, production=production[model], staging=staging[model]).encode()
        change = (
            f"M 100644 inline registry/models/{name(model)}.yaml\ndata {len(text)}\n".encode()
            + text
        )
        subject = f"Promote {name(model)}"
        if i > models and i % 10 == 0:
            stream.append(
                _commit("side", i, subject, change, mark=f":{i}", parents=("from refs/heads/main",))
            )
            merge = f"Merge pull request #{i} from your-org/promote"
            stream.append(_commit("main", i, merge, change, parents=(f"merge :{i}",)))
        else:
            stream.append(_commit("main", i, f"{subject} (#{i})", change))
    repo.git("fast-import", "--quiet", "--force", feed=b"\n".join(stream))
    repo.git("update-ref", "-d", "refs/heads/side")
    subprocess.run(["git", "repack", "-adq"], cwd=folder, check=True)
    repo.git("reset", "-q", "--hard")
    return repo


def _commit(
    branch: str,
    i: int,
    message: str,
    change: bytes,
    *,
    mark: str | None = None,
    parents: Iterable[str] = (),
) -> bytes:
    """One commit for `git fast-import`, a minute after the one before."""
    who = f"A Person <a@example.org> {START + 60 * i} +0000"
    marked = [f"mark {mark}"] if mark else []
    head = [f"commit refs/heads/{branch}", *marked, f"author {who}", f"committer {who}"]
    return "\n".join([*head, f"data {len(message)}", message, *parents, ""]).encode() + change


def write_tags(folder: Path, events: int, models: int) -> None:
    """A repository in which gto finds so many events: registrations, and the same versions'
    promotions. Its models are annotated in `artifacts.yaml`, as `gto annotate` writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    repo = Repo(folder)
    stream = []
    notes = "".join(
        f"{name(i)}:\n  type: model\n  path: models/{i}.txt\n" for i in range(models)
    ).encode()
    for i in range(events // 2):
        text = f"version {i}\n".encode()
        file = f"M 100644 inline models/{i % models}.txt\ndata {len(text)}\n".encode() + text
        file += f"\nM 100644 inline artifacts.yaml\ndata {len(notes)}\n".encode() + notes
        stream.append(_commit("main", i, "Release", file, mark=f":{i + 1}"))
        version = i // models + 1
        for tag in (f"{name(i % models)}@v{version}.0.0", f"{name(i % models)}#prod#{version}"):
            tagger = f"tagger A Person <a@example.org> {START + 60 * i} +0000"
            stream.append(f"tag {tag}\nfrom :{i + 1}\n{tagger}\ndata 3\nTag".encode())
    repo.git("fast-import", "--quiet", feed=b"\n".join(stream))
    repo.git("reset", "-q", "--hard")


def fill_store(uri: str, models: int, versions: int) -> None:
    """A store with the models of `manifest`, each with so many versions, as its manifest wants
    them.

    The rows go straight into the tables that MLflow's own store makes: through its API a hundred
    thousand take hours.
    """
    from mlflow.store.model_registry.dbmodels import models as tables

    store = _store(uri)
    here = {"workspace": "default"}
    for start in range(0, models, 500):
        batch = [_read(i) for i in range(start, min(start + 500, models))]
        rows: dict[Any, list[dict[str, Any]]] = {
            tables.SqlRegisteredModel: [
                {"name": m.name, "description": m.description, **_TIMES} for m in batch
            ],
            tables.SqlRegisteredModelTag: [
                {"name": m.name, "key": key, "value": value}
                for m in batch
                for key, value in m.tags.items()
            ],
            tables.SqlModelVersion: [row for m in batch for row in _versions(m, versions)],
            tables.SqlModelVersionTag: [
                {"name": m.name, "version": number, "key": key, "value": value}
                for m in batch
                for number, spec in m.versions.items()
                for key, value in spec.tags.items()
            ],
            tables.SqlRegisteredModelAlias: [
                {"name": m.name, "alias": alias, "version": version}
                for m in batch
                for alias, version in m.aliases.items()
            ],
        }
        with store.engine.begin() as connection:
            for table, found in rows.items():
                connection.execute(table.__table__.insert(), [here | row for row in found])
    store.engine.dispose()


def _store(uri: str) -> Any:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    make: Any = SqlAlchemyStore  # it has no types
    return make(uri)


_TIMES = {"creation_time": NOW, "last_updated_time": NOW}


def _read(i: int) -> Manifest:
    found, document = read_manifest(manifest(i).encode(), f"registry/models/{name(i)}.yaml")
    assert found is not None, document.problems
    return found


def _versions(model: Manifest, count: int) -> Iterator[dict[str, Any]]:
    held = {version: stage for stage, versions in model.stages.items() for version in versions}
    number = int(model.name.rpartition("-")[2])
    for version in range(1, count + 1):
        yield {
            "name": model.name, "version": version, "current_stage": held.get(version, "None"),
            "status": "READY",
            "run_id": run_id(number, version), "source": source(number, version), "description": "",
            **_TIMES,
        }  # fmt: skip


def write_stamps(uri: str, plan: Plan) -> None:
    """What reconciling this plan would write where it only has stamps left, straight into the
    tables."""
    from mlflow.store.model_registry.dbmodels import models as tables

    of_models: list[dict[str, Any]] = []
    of_versions: list[dict[str, Any]] = []
    for model in plan.models:
        assert not model.changes and not model.refusals, (model.changes, model.refusals)
        for stamp in model.stamps:
            row = {
                "workspace": "default",
                "name": model.model,
                "key": stamp.key,
                "value": stamp.after,
            }
            (of_models if stamp.version is None else of_versions).append(
                row if stamp.version is None else row | {"version": stamp.version}
            )
    store = _store(uri)
    with store.engine.begin() as connection:
        connection.execute(tables.SqlRegisteredModelTag.__table__.insert(), of_models)
        connection.execute(tables.SqlModelVersionTag.__table__.insert(), of_versions)
    store.engine.dispose()
