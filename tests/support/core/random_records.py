"""Random histories of a few models with everything that receipts record: drift by hand, renames,
deleted manifests, crashes, receipts that vanish and acknowledgements. The world is simulated with
plain values; what really happened in it is the slow reference of `log`."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.times import format_time
from mlflow_gitops.edges.git.receipts.layout import path_of
from mlflow_gitops.edges.git.receipts.writing import commit_files, store_texts
from mlflow_gitops.edges.git.repository import Git
from tests.support.git_histories import START, Repo
from tests.support.receipts import RECEIPTS_REF

SERVED = ("Staging", "Production")
Versions = dict[int, str]
"""Version to stage."""


@dataclass(frozen=True)
class Run:
    """A run that brought a model to a commit: its receipt, the commit's index, the time, the
    (version, stage) that it found there, and whether a later run wrote the receipt."""

    digest: str
    index: int
    at: str
    found: frozenset[tuple[int, str]]
    recovered: bool


@dataclass(frozen=True)
class Drift:
    """What a run found moved by hand: the receipt, the model, and a stage's versions then and
    after it."""

    digest: str
    model: Model
    stage: str
    had: tuple[int, ...]
    right: tuple[int, ...]
    found_at: str


@dataclass
class Model:
    """One model under all of its names: what each commit declared, and what MLflow has."""

    name: str
    actual: Versions
    declared: list[Versions | None] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    base: int | None = None
    recorded: int | None = None
    """The base that a receipt records; crashes leave it behind."""
    lost: list[dict[str, Any]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


class World:
    """A repository and what happened in and around it. `expected` holds drift and flaws by model:
    what nobody has to read from a receipt, since it was seen when it was done."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.rng, self.repo = rng, Repo(folder)
        self.models = [Model("alpha", {}), Model("beta", {1: "Production", 2: "Staging"})]
        self.commits: list[str] = []
        self.times: list[str] = []
        self.clock = START
        self.receipts: list[Receipt] = []
        self.vanished: set[str] = set()
        self.acknowledged: set[str] = set()
        self.drift: list[Drift] = []
        self.flaws: list[tuple[str, str, str]] = []
        """Kind, digest of the receipt that shows it, and the model."""

    # -- commits ------------------------------------------------------------------------------

    def commit(self, message: str) -> None:
        """Write down what all models declare, and commit it."""
        self.clock += self.rng.randint(60, 40_000)
        date = f"{self.clock} +0000"
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        is_merge = len(self.commits) > 1 and self.rng.random() < 0.3
        if is_merge:
            self.repo.git("checkout", "-q", "-b", "side")
        self.repo.git("add", "-A")
        self.repo.git("commit", "-q", "--allow-empty", "-m", message, env=dates)
        if is_merge:
            self.repo.git("checkout", "-q", "main")
            self.repo.git("merge", "-q", "--no-ff", "-m", "Merge side", "side", env=dates)
            self.repo.git("branch", "-q", "-d", "side")
        self.commits.append(self.repo.git("rev-parse", "HEAD"))
        self.times.append(format_time(self.clock))
        for model in self.models:
            model.names.append(model.name)
            if len(model.declared) < len(self.commits):
                model.declared.append(model.declared[-1] if model.declared else None)

    def declare(self, model: Model, versions: Versions | None, formerly: str = "") -> None:
        """Change a manifest; the commit follows."""
        path = f"registry/models/{model.name}.yaml"
        if formerly:
            self.repo.git("rm", "-q", f"registry/models/{formerly}.yaml")
        if versions is None:
            self.repo.git("rm", "-q", path)
        else:
            stages = {stage: version for version, stage in versions.items()}
            named = f"formerly: [{', '.join(self._former(model))}]\n" if formerly else ""
            self.repo.write(path, f"name: {model.name}\n{named}stages: {json.dumps(stages)}\n")
        while len(model.declared) < len(self.commits):
            model.declared.append(None)
        model.declared.append(versions)

    def _former(self, model: Model) -> list[str]:
        return [name for name in dict.fromkeys(model.names) if name != model.name]

    def edit(self) -> None:
        model = self.rng.choice(self.models)
        versions = self.rng.sample(range(1, 5), 2)
        stages = self.rng.choice((SERVED, ("Production",), ("Staging",), ()))
        self.declare(model, dict(zip(versions, stages, strict=False)))
        self.commit("Promote")

    def rename(self) -> None:
        model = self.rng.choice(self.models)
        if not model.declared or (versions := model.declared[-1]) is None:
            return
        earlier = self._former(model)
        is_back = bool(earlier) and self.rng.random() < 0.5
        new = self.rng.choice(earlier) if is_back else f"{model.name}-{len(self.commits)}"
        old, model.name = model.name, new
        self.declare(model, versions, formerly=old)
        self.commit("Rename")

    def revert(self) -> None:
        """Take the last commit back that changed what a model declares, or bring it back again."""
        model = self.rng.choice(self.models)
        states = [state for state in model.declared if state is not None]
        if model.declared and model.declared[-1] is not None and len(states) > 1:
            self.declare(model, states[-2])
            self.commit('Revert "Promote (#12)"')

    def delete(self) -> None:
        model = self.rng.choice(self.models)
        if model.declared and model.declared[-1] is not None and len(self.commits) > 1:
            self.declare(model, None)
            self.commit("Retire")

    def acknowledge(self) -> None:
        open_flaws = [digest for _, digest, _ in self.flaws if digest not in self.acknowledged]
        if open_flaws:
            digest = self.rng.choice(open_flaws)
            self.acknowledged.add(digest)
            self.commit(f"Look\n\n- Audit-Ack: {digest[:16]} it is known")

    # -- MLflow and its runs ------------------------------------------------------------------

    def tamper(self) -> None:
        """Somebody moves a version by hand."""
        model = self.rng.choice(self.models)
        version = self.rng.randint(1, 4)
        model.actual[version] = self.rng.choice((*SERVED, "Archived"))

    def run(self) -> None:
        """A reconcile of the tip. It may die before it writes its receipt, or fail at a model."""
        if not self.commits:
            return
        self.clock += self.rng.randint(60, 4_000)
        began = format_time(self.clock)
        self.clock += self.rng.randint(1, 50)
        self._recover()
        dies = self.rng.random() < 0.15
        entries: list[tuple[Model, dict[str, Any]]] = []
        found: list[Drift] = []
        for model in self.models:
            if model.declared and model.declared[-1] is not None:
                entry = self._reconcile(model, found, began, dies)
                if entry is not None:
                    entries.append((model, entry))
        if dies or not entries:
            return
        self._write(self.commits[-1], [entry for _, entry in entries], began=began)
        for model, entry in entries:
            if entry["result"] == "applied":
                self._remember(model, len(self.commits) - 1, entry, recovered=False)
        digest = self.receipts[-1].digest
        self.drift += [replace(drift, digest=digest) for drift in found]

    def _reconcile(
        self, model: Model, found: list[Drift], began: str, dies: bool
    ) -> dict[str, Any] | None:
        """What a run does with one model; None if there is nothing to do."""
        states = model.declared[model.base :] if model.base is not None else [None]
        is_moved = model.base is None or any(state != states[0] for state in states)
        changes, done = _differences(model, states)
        if not changes and not is_moved:
            return None
        if not dies and self.rng.random() < 0.1:
            return {"model": model.name, "result": "failed", "error": "503"}

        if not dies:
            found += _drift_in(model, changes, began)
        for change in changes:
            model.actual[change["version"]] = change["to"]
        if is_moved:
            model.base = self._last_move(model)
        if dies:
            model.lost += [change for change in changes if change["cause"] == "commit"]
        entered = [[c["to"], c["version"]] for c in changes if c["to"] in SERVED]
        parts = {"changes": changes, "already_applied": done, "stages": entered}
        filled = {key: value for key, value in parts.items() if value}
        return {"model": model.name, "result": "applied", **filled}

    def _last_move(self, model: Model) -> int:
        """The last commit that changed what the model is wanted to be, or its name."""
        before: list[Any] = [(None, None), *zip(model.declared, model.names, strict=True)]
        after = zip(model.declared, model.names, strict=True)
        moves = [i for i, (old, new) in enumerate(zip(before, after, strict=False)) if old != new]
        return moves[-1]

    def _recover(self) -> None:
        """Write what the last run left out, on the commit that the stamps name."""
        for model in self.models:
            if model.base is None or model.base == model.recorded:
                continue
            if any(run.index >= model.base for run in model.runs):
                continue
            entry = {"model": model.name, "result": "applied", "already_applied": model.lost}
            receipt = self._write(self.commits[model.base], [entry], recovered=True)
            self._remember(model, model.base, entry, recovered=True)
            self.flaws.append(("recovered", receipt.digest, model.name))

    def _remember(
        self, model: Model, index: int, entry: dict[str, Any], *, recovered: bool
    ) -> None:
        found = {(change["version"], change["to"]) for change in entry.get("already_applied", ())}
        receipt = self.receipts[-1]
        run = Run(receipt.digest, index, receipt.at, frozenset(found), recovered)
        model.runs.append(run)
        model.recorded, model.lost = model.base, []

    def _write(self, commit: str, models: list[dict[str, Any]], **more: Any) -> Receipt:
        self.clock += 1
        content = {
            "at": format_time(self.clock), "schema": 3, "count": len(self.receipts) + 1,
            "owner": f"{self.commits[0]}:registry", **more, "models": models, "commit": commit,
            "previous": self.receipts[-1].digest if self.receipts else None,
        }  # fmt: skip
        receipt = Receipt(commit, json.dumps(content, indent=2) + "\n", content)
        self.receipts.append(receipt)
        return receipt

    # -- the end ------------------------------------------------------------------------------

    def publish(self) -> None:
        """Put the receipts on their branch, without those that somebody took away."""
        if len(self.receipts) > 3 and self.rng.random() < 0.4:
            position = self.rng.randrange(len(self.receipts) - 1)
            self.vanished = {self.receipts[position].digest}
            following = self.receipts[position + 1]
            self.flaws += [("gap", following.digest, ""), ("gap", following.digest, "")]
        kept = [receipt for receipt in self.receipts if receipt.digest not in self.vanished]
        if not kept:
            return
        git = Git(self.repo.folder)
        blobs = store_texts(git, [receipt.text for receipt in kept])
        paths = {path_of(receipt): blob for receipt, blob in zip(kept, blobs, strict=True)}
        self.repo.git("update-ref", RECEIPTS_REF, commit_files(git, None, paths, "Receipts"))


def _differences(
    model: Model, states: list[Versions | None]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The changes that lead to what the tip declares, and those that are done already. `states` are
    what was declared from the base on."""
    tip = model.declared[-1] or {}
    changes, done = [], []
    for version in sorted({*model.actual, *tip}):
        now, right = model.actual.get(version, "None"), tip.get(version)
        values = {(state or {}).get(version) for state in states}
        cause = "drift" if model.base is not None and len(values) == 1 else "commit"
        if right is None and now in SERVED:
            right = "Archived"
        change = {"action": "transition", "version": version, "to": right, "cause": cause}
        if right is not None and right != now:
            changes.append({**change, "from": now})
        elif right is not None and cause == "commit":
            done.append({**change, "from": "None"})
    return changes, done


def _drift_in(model: Model, changes: list[dict[str, Any]], began: str) -> list[Drift]:
    """What was moved by hand, by stage. The digest is not known yet."""
    drifted = [change for change in changes if change["cause"] == "drift"]
    found = []
    for stage in SERVED:
        had = tuple(change["version"] for change in drifted if change["from"] == stage)
        right = tuple(change["version"] for change in drifted if change["to"] == stage)
        if had or right:
            found.append(Drift("", model, stage, had, right, began))
    return found


def random_world(folder: Path, seed: int) -> World:
    """A history of some days, whose last commit stands for now."""
    rng = random.Random(seed)
    world = World(folder, rng)
    world.repo.write("registry/policy.yaml", "drift: heal\n")
    for model in world.models:
        world.declare(model, {1: "Production", 2: "Staging"})
    world.commit("First")
    steps = [world.edit, world.edit, world.run, world.run, world.run, world.tamper, world.tamper]
    steps += [world.rename, world.rename, world.revert, world.delete, world.acknowledge]
    for _ in range(rng.randint(8, 22)):
        rng.choice(steps)()
    world.publish()
    return world
