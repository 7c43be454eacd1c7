"""A model's history is what every commit of the main line wants of it, point by point (RULES R1,
R2)."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pytest

from mlflow_gitops.app.workspace import Settings, Workspace
from mlflow_gitops.core.history.base import Base, BaseState
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.history.model_history import UNDECLARED, ModelHistory
from mlflow_gitops.core.manifests.desired import Desired, Field
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.manifests.snapshot import Snapshot, SourceFile, build
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.system.files import registry_files
from tests.support.core.evidence import NO_EVIDENCE
from tests.support.git_histories import (
    MODELS,
    REGISTRY,
    History,
    Link,
    Node,
    Repo,
    Tree,
    manifest,
    random_history,
)

SEEDS = range(int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "5")))


# -- the reference: every commit read whole --------------------------------------------------------


@dataclass(frozen=True)
class State:
    """What one commit wants of one model. `there`: it has a file of that name."""

    sha: str | None
    desired: Desired | None
    there: bool


def slowly(
    commits: Iterable[tuple[str | None, Mapping[str, bytes | None]]], name: str
) -> list[State]:
    """Each commit's state by that commit's own policy; what cannot be read leaves the last state as
    it is."""
    policy, desired, states = Policy(), None, []
    for sha, files in commits:
        if f"{REGISTRY}/policy.yaml" not in files:
            policy = Policy()
        elif (text := files[f"{REGISTRY}/policy.yaml"]) is not None:
            policy = read_policy(text, "policy.yaml")[0] or policy
        mine = [
            path
            for path in files
            if path.startswith(f"{REGISTRY}/models/") and PurePosixPath(path).name == f"{name}.yaml"
        ]
        has_twin = any(
            path.startswith(f"{REGISTRY}/models/")
            and PurePosixPath(path).name != f"{name}.yaml"
            and PurePosixPath(path).name.lower() == f"{name}.yaml".lower()
            for path in files
        )
        if not mine:
            desired = None
        elif len(mine) == 1 and not has_twin and files[mine[0]] is not None:
            found, document = read_manifest(files[mine[0]] or b"", mine[0])
            if found is not None:
                rules = policy.for_model(found.name)
                check_policy(document, rules)
                desired = desired if document.problems else Desired(found, rules)
        states.append(State(sha, desired, bool(mine)))
    return states


def from_base(states: list[State], base: str | None) -> list[State]:
    """Without a base, a history begins with the first commit that has a readable manifest."""
    if base is not None:
        return states[[state.sha for state in states].index(base) :]
    first = next(
        (i for i, state in enumerate(states) if state.there and state.desired), len(states) - 1
    )
    return states[first:]


def points(states: list[State]) -> list[tuple[str | None, Desired | None]]:
    return [
        (s.sha, s.desired)
        for i, s in enumerate(states)
        if i == 0 or s.desired != states[i - 1].desired
    ]


def maker(
    states: list[State], base: str | None, of: Callable[[Desired | None], object]
) -> str | None:
    """The newest commit that put it there."""
    for before, after in reversed(list(pairwise(states))):
        if of(before.desired) != of(after.desired):
            return after.sha
    return states[0].sha if base is None else None


def values(states: list[State], field: Field) -> list[object]:
    return [
        state.desired.fields.get(field, UNDECLARED) if state.desired else UNDECLARED
        for state in states
    ]


def as_told(history: ModelHistory) -> list[tuple[str | None, Desired | None]]:
    return [(point.commit.sha if point.commit else None, point.desired) for point in history.points]


# -- what is tested, fed as the commands feed it ---------------------------------------------------


class Blobs:
    """Counts which blobs are read."""

    def __init__(self, git: Git) -> None:
        self.git = git
        self.asked: Counter[str] = Counter()

    def __call__(self, ids: Iterable[str]) -> Mapping[str, bytes]:
        wanted = list(ids)
        self.asked.update(blob for blob in wanted if blob != "link")
        return self.git.blobs(wanted)


def wants(snapshot: Snapshot) -> dict[str, Desired]:
    return {
        name: Desired(one, snapshot.policy.for_model(name))
        for name, one in snapshot.manifests.items()
    }


def policy_stands(snapshot: Snapshot) -> bool:
    return not any(REGISTRY.classify(problem.file) == "policy" for problem in snapshot.errors)


def plannable(snapshot: Snapshot) -> list[str]:
    """The models that nothing is wrong with: of two files of one name a snapshot keeps the first,
    and no command goes on."""
    faulty = {stem_of(problem.file) for problem in snapshot.errors}
    return [name for name in snapshot.manifests if name not in faulty]


def check(history: ModelHistory, states: list[State], base: str | None) -> None:
    assert as_told(history) == points(states)
    fields = {field for state in states if state.desired for field in state.desired.fields}
    assert history.declared == fields
    assert history.moved == (
        base is None or any(_fields(s.desired) != _fields(states[0].desired) for s in states)
    )
    for field in fields:
        assert set(history.values(field)) == set(values(states, field))
    for of in (
        *(
            lambda d, s=stage: d.holders(s) if d else ()
            for stage in ("Production", "Staging", "Archived", "Canary")
        ),
        *(lambda d, v=version: d.stages_of(v) if d else () for version in range(1, 5)),
        lambda d: d.manifest.aliases.get("champion") if d else None,
        lambda d: d is not None,
    ):
        made = history.made_by(of)  # type: ignore[arg-type]
        assert (made.sha if made else None) == maker(states, base, of)  # type: ignore[arg-type]
    if history.target is not None:
        check_causes(history, states, base)


def _fields(desired: Desired | None) -> Mapping[Field, object] | None:
    return desired.fields if desired else None


def check_causes(history: ModelHistory, states: list[State], base: str | None) -> None:
    """Field by field: more than one value, or no base, is `commit`; one value, and MLflow differs,
    is `drift` (RULES R2)."""
    name = history.target.manifest.name  # type: ignore[union-attr]
    versions = {
        number: ObservedVersion(number, stage, "by hand", {"a": "z"})
        for number, stage in enumerate(
            ("Production", "Staging", "None", "Archived", "Production"), 1
        )
    }
    aliases = {"production": 4, "champion": 4, "canary": 1}
    seen = ObservedModel(name, "by hand", {"a": "z", "b": "z"}, aliases, versions)
    for change in plan_model(
        name, history, seen, PlanContext("owner", "2026-02-01T00:00:00Z", NO_EVIDENCE)
    ).changes:
        field = _field(change)
        said = values(states, field)
        moved = base is None or any(value != said[0] for value in said)
        assert change.cause == ("commit" if moved else "drift"), change
        made = maker(
            states, base, lambda d, f=field: d.fields.get(f, UNDECLARED) if d else UNDECLARED
        )  # type: ignore[misc]
        assert (change.commit.sha if change.commit else None) == (made if moved else None), change


def _field(change: Change) -> Field:
    kind = {
        "transition": "stage",
        "set_alias": "alias",
        "delete_alias": "alias",
        "set_description": "description",
    }
    return Field(kind.get(change.action, "tag"), change.version, change.key)  # type: ignore[arg-type]


# -- random histories ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_every_commit_read_whole_says_the_same(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    repo = Repo(tmp_path)
    told = random_history(rng, rng.randint(2, 14))
    told.add(corrected(told.tip))
    ids = repo.build(told)
    main = [ids[i] for i in told.main]
    whole = [(sha, repo.files(sha)) for sha in main]
    git = Git(tmp_path)
    for end in sorted({len(main) - 1, rng.randrange(len(main))}):
        target = main[end]
        line = git.line(target, REGISTRY)
        assert line.shas == main[: end + 1]
        side = set(ids) - set(main)
        assert not side & line.commits.keys(), (
            "commits of a merged branch are no commits of the main line"
        )
        snapshot = build(git.files_at(target, REGISTRY), REGISTRY) if whole[end][1] else Snapshot()
        if not policy_stands(snapshot):
            continue
        for name in plannable(snapshot):
            states = slowly(whole[: end + 1], name)
            for base in (None, *line.shas):
                blobs = Blobs(git)
                histories = HistoryReader(line, REGISTRY, blobs)
                if rng.random() < 0.5:
                    histories.prefetch([(name, Base.at(base))])
                history = histories.history(name, wants(snapshot).get(name), Base.at(base))
                check(history, from_base(states, base), base)
                assert set(blobs.asked.values()) <= {1}, "no blob is read twice"
                assert blobs.asked.keys() <= needed(repo, line.shas, name, base)


def corrected(tree: Tree) -> Tree:
    """The tree with a policy and manifests that can be planned, as far as they could not."""
    kept = {
        path: data
        for path, data in tree.items()
        if classify_below(path) and isinstance(data, bytes)
    }
    faulty = {
        p.file
        for p in build(
            [SourceFile(p, d) for p, d in kept.items() if isinstance(d, bytes)], REGISTRY
        ).errors
    }
    whole = {path: data for path, data in kept.items() if path not in faulty}
    return {**whole, f"{REGISTRY}/models/gamma.yaml": manifest("gamma", "stages: {Production: 1}")}


def needed(repo: Repo, shas: list[str], name: str, base: str | None) -> set[str]:
    """The blobs of the manifest and the policy from base to target; all earlier ones too where the
    base cannot be read."""
    first = 0 if base is None or not _reads(repo, base, name) else shas.index(base)
    listed = [
        line
        for sha in shas[first:]
        for line in repo.git("ls-tree", "-r", sha, "--", str(REGISTRY)).splitlines()
    ]
    return {line.split()[2] for line in listed if _of(line.split("\t")[1], name)}


def _of(path: str, name: str) -> bool:
    kind = REGISTRY.classify(path)
    return kind == "policy" or (kind == "manifest" and stem_of(path) == name)


def _reads(repo: Repo, sha: str, name: str) -> bool:
    files = {path: data for path, data in repo.files(sha).items() if _of(path, name)}
    [state] = slowly([(sha, files)], name)
    policy = files.get(f"{REGISTRY}/policy.yaml", b"{}")
    return (state.desired is not None or not state.there) and bool(
        policy and read_policy(policy, "")[0]
    )


@pytest.mark.parametrize("seed", range(100, 118))
def test_a_working_tree_lies_on_top_of_its_commit(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    repo = Repo(tmp_path)
    told = random_history(rng, rng.randint(2, 8))
    told.add(corrected(told.tip))
    ids = repo.build(told)
    main = [ids[i] for i in told.main]
    repo.git("reset", "-q", "--hard")
    change_files(rng, repo)
    workspace = Workspace(Settings(repo=tmp_path))
    snapshot, dirty = workspace.tree(), workspace.dirty_paths()
    if not policy_stands(snapshot):
        pytest.skip("a policy that cannot be read stops every command")
    line = workspace.git.line(main[-1], REGISTRY)
    stems = {stem_of(path) for path in dirty}
    all_dirty = f"{REGISTRY}/policy.yaml" in dirty
    histories = HistoryReader(line, REGISTRY, workspace.git.blobs)
    on_disk = {file.path: file.data for file in registry_files(tmp_path, REGISTRY)}
    commits: list[tuple[str | None, Mapping[str, bytes | None]]] = [
        (sha, repo.files(sha)) for sha in main
    ]
    for name in plannable(snapshot):
        states = slowly([*commits, (None, on_disk)], name)
        for base in (None, *main):
            target = wants(snapshot).get(name)
            history = histories.history(
                name, target, Base.at(base), uncommitted=all_dirty or name in stems
            )
            check(history, from_base(states, base), base)


def change_files(rng: random.Random, repo: Repo) -> None:
    """What people leave uncommitted: changed, new and deleted manifests, another policy, staged or
    not."""
    for _ in range(rng.randint(1, 3)):
        name = rng.choice(MODELS)
        path = rng.choice((f"{REGISTRY}/models/{name}.yaml", f"{REGISTRY}/models/new/{name}.yaml"))
        match rng.choice(("write", "write", "delete", "policy", "comment", "pin")):
            case "write":
                repo.write(
                    path,
                    manifest(name, rng.choice(("stages: {Production: 3}", "stages: {Staging: 2}"))),
                )
            case "delete":
                (repo.folder / path).unlink(missing_ok=True)
            case "policy":
                repo.write(
                    f"{REGISTRY}/policy.yaml", rng.choice(("drift: report\n", "stages: {}\n"))
                )
            case "comment" if (repo.folder / path).is_file():
                repo.write(path, (repo.folder / path).read_bytes() + b"# said\n")
            case "pin":
                repo.write(
                    path, manifest(name, "stages: {Production: 1}\nversions: {1: {run_id: def}}")
                )
    if rng.random() < 0.5:
        repo.git("add", "-A")


# -- told by hand ----------------------------------------------------------------------------------

ALPHA = f"{REGISTRY}/models/alpha.yaml"


def told(tmp_path: Path, *trees: Mapping[str, str | Link | None]) -> tuple[Repo, list[str]]:
    """A main line of commits; each tree is laid over the one before it, None deletes."""
    history = History()
    for i, over in enumerate(trees):
        laid = {
            **history.tip,
            **{p: c.encode() if isinstance(c, str) else c for p, c in over.items()},
        }
        kept = {path: content for path, content in laid.items() if content is not None}
        history.add(kept, subject=f"Commit {i}")
    repo = Repo(tmp_path)
    return repo, repo.build(history)


def alpha(body: str) -> dict[str, str]:
    return {ALPHA: f"name: alpha\n{body}\n"}


def history_of(
    tmp_path: Path,
    shas: list[str],
    base: str | None,
    name: str = "alpha",
    blobs: Blobs | None = None,
) -> ModelHistory:
    git = Git(tmp_path)
    snapshot = build(git.files_at(shas[-1], REGISTRY), REGISTRY)
    histories = HistoryReader(git.line(shas[-1], REGISTRY), REGISTRY, blobs or git.blobs)
    return histories.history(name, wants(snapshot).get(name), Base.at(base))


def test_a_true_merge_is_one_point_of_its_own_commit(tmp_path: Path) -> None:
    history = History()
    history.add({ALPHA: manifest("alpha", "stages: {Production: 1}")})
    first = history.branch({ALPHA: manifest("alpha", "stages: {Production: 8}")}, 0)
    second = history.branch({ALPHA: manifest("alpha", "stages: {Production: 2}")}, first)
    history.add({**history.tip, "train.py": b""})
    history.add(
        {ALPHA: manifest("alpha", "stages: {Production: 2}")},
        second,
        subject="Merge pull request #5 from a/b",
    )
    ids = Repo(tmp_path).build(history)
    found = history_of(tmp_path, [ids[i] for i in history.main], ids[0])
    assert [sha for sha, _ in as_told(found)] == [ids[0], ids[history.main[-1]]]
    made = found.made_by(lambda d: d.holders("Production") if d else ())
    assert (
        made is not None
        and made.pull_request == 5
        and made.subject == "Merge pull request #5 from a/b"
    )


def test_what_a_reverted_commit_declared_is_known(tmp_path: Path) -> None:
    _, shas = told(
        tmp_path,
        alpha("stages: {Production: 1}"),
        alpha("stages: {Production: 1}\ntags: {half: done}"),
        alpha("stages: {Production: 1}"),
    )
    found = history_of(tmp_path, shas, shas[0])
    assert Field("tag", None, "half") in found.declared and found.moved
    assert found.values(Field("tag", None, "half")) == [UNDECLARED, "done", UNDECLARED]
    assert found.made_by(lambda d: d.holders("Production") if d else ()) is None


def test_a_manifest_that_cannot_be_read_leaves_its_last_state(tmp_path: Path) -> None:
    _, shas = told(
        tmp_path,
        alpha("stages: {Production: 1}"),
        {ALPHA: "name: alpha\nstages: ["},
        {ALPHA: Link("../policy.yaml")},
        {
            **alpha("stages: {Production: 9}"),
            f"{REGISTRY}/models/team/alpha.yaml": "name: alpha\nstages: {}\n",
        },
        {**alpha("stages: {Production: 2}"), f"{REGISTRY}/models/team/alpha.yaml": None},
    )
    found = history_of(tmp_path, shas, shas[0])
    assert [sha for sha, _ in as_told(found)] == [shas[0], shas[4]]


@pytest.mark.parametrize(
    "broken",
    [{ALPHA: "name: ["}, {f"{REGISTRY}/models/team/alpha.yaml": "name: alpha\nstages: {}\n"}],
)
def test_a_base_that_cannot_be_read_is_what_could_be_read_before_it(
    tmp_path: Path, broken: dict[str, str]
) -> None:
    """An entry since then is a commit's, never taken for drift: drift is healed without being
    judged."""
    _, shas = told(
        tmp_path,
        alpha("stages: {Production: 1}"),
        broken,
        {**alpha("stages: {Production: 2}"), f"{REGISTRY}/models/team/alpha.yaml": None},
    )
    found = history_of(tmp_path, shas, shas[1])
    assert [point.desired.holders("Production") for point in found.points if point.desired] == [
        (1,),
        (2,),
    ]
    assert [sha for sha, _ in as_told(found)] == shas[1:]


def test_a_base_that_never_could_be_read_declared_nothing(tmp_path: Path) -> None:
    _, shas = told(tmp_path, {ALPHA: "name: ["}, alpha("stages: {Production: 2}"))
    found = history_of(tmp_path, shas, shas[0])
    assert as_told(found)[0] == (shas[0], None)
    assert found.values(Field("stage", 2)) == [UNDECLARED, "Production"]


def test_a_policy_that_cannot_be_read_leaves_the_last_one_also_before_the_base(
    tmp_path: Path,
) -> None:
    policy = f"{REGISTRY}/policy.yaml"
    _, shas = told(
        tmp_path,
        {policy: "stages: {Canary: {alias: canary, native: false}}\n"},
        {policy: "stages: [\n"},
        alpha("stages: {Canary: 1}"),
        {
            policy: (
                "stages: {Canary: {alias: canary, native: false}, Production: {alias:"
                " production}}\n"
            )
        },
    )
    found = history_of(tmp_path, shas, shas[2])
    assert [point.desired.holders("Canary") for point in found.points if point.desired] == [
        (1,),
        (1,),
    ]
    assert (
        history_of(tmp_path, shas, None).made_by(lambda d: d is not None) == found.points[0].commit
    )


def test_a_moved_file_is_the_same_model_and_moves_nothing(tmp_path: Path) -> None:
    text = "name: alpha\nstages: {Production: 1}\n"
    _, shas = told(
        tmp_path, {ALPHA: text}, {ALPHA: None, f"{REGISTRY}/models/nlp/alpha.yaml": text}
    )
    found = history_of(tmp_path, shas, shas[0])
    assert not found.moved and found.target is not None
    assert found.target.manifest.file == f"{REGISTRY}/models/nlp/alpha.yaml"


def test_only_the_blobs_between_base_and_target_are_read(tmp_path: Path) -> None:
    bodies = [f"stages: {{Production: {i}}}" for i in range(1, 21)]
    beta = {f"{REGISTRY}/models/beta.yaml": "name: beta\nstages: {}\n"}
    repo, shas = told(
        tmp_path,
        {f"{REGISTRY}/policy.yaml": "drift: heal\n"},
        beta,
        *(alpha(body) for body in bodies),
    )
    blobs = Blobs(Git(tmp_path))
    assert len(history_of(tmp_path, shas, shas[-3], blobs=blobs).points) == 3
    policy = repo.git("rev-parse", f"{shas[0]}:{REGISTRY}/policy.yaml")
    expected = {policy, *(repo.git("rev-parse", f"{sha}:{ALPHA}") for sha in shas[-3:])}
    assert blobs.asked.keys() == expected
    untouched = Blobs(Git(tmp_path))
    assert not history_of(tmp_path, shas, shas[-1], blobs=untouched).moved
    assert not history_of(tmp_path, shas, shas[1], "beta", blobs=untouched).moved
    assert not untouched.asked, "where nothing changed since the base nothing is read"


def test_an_uncommitted_pin_or_null_is_what_is_planned(tmp_path: Path) -> None:
    """Neither is a field of its own in MLflow, and both decide what is refused."""
    repo, shas = told(tmp_path, alpha("stages: {Production: 1}"), alpha("stages: {}"))
    repo.git("reset", "-q", "--hard")
    git = Git(tmp_path)
    for body in ("stages: {Production: null}", "stages: {}\nversions: {1: {run_id: abc}}"):
        repo.write(ALPHA, manifest("alpha", body))
        snapshot = build(registry_files(tmp_path, REGISTRY), REGISTRY)
        line = git.line(shas[-1], REGISTRY)
        histories = HistoryReader(line, REGISTRY, git.blobs)
        target = wants(snapshot)["alpha"]
        for base in (None, *shas):
            found = histories.history("alpha", target, Base.at(base), uncommitted=True)
            assert found.target == target
            assert found.points[-1].commit is None


@pytest.mark.parametrize("state", ["stale", "unknown", "lost"])
def test_a_base_that_cannot_be_compared_has_no_history(tmp_path: Path, state: BaseState) -> None:
    _, shas = told(tmp_path, alpha("stages: {Production: 1}"))
    git = Git(tmp_path)
    wanted = wants(build(git.files_at(shas[0], REGISTRY), REGISTRY))
    histories = HistoryReader(git.line(shas[0], REGISTRY), REGISTRY, git.blobs)
    found = histories.history("alpha", wanted["alpha"], Base("f" * 40, state))
    assert found.base == "f" * 40 and found.base_state == state
    assert as_told(found) == [(None, wanted["alpha"])]


def test_a_model_without_any_commit(tmp_path: Path) -> None:
    _, shas = told(tmp_path, {f"{REGISTRY}/README.md": "here"})
    line = Git(tmp_path).line(shas[0], REGISTRY)
    histories = HistoryReader(line, REGISTRY, Git(tmp_path).blobs)
    found = histories.history("new", None, Base.at(None), uncommitted=True)
    assert as_told(found) == [(None, None)] and found.made_by(lambda d: d is not None) is None


def test_the_base_is_told_whether_anything_was_read_or_not(tmp_path: Path) -> None:
    _, shas = told(tmp_path, alpha("stages: {}"), alpha("stages: {Production: 1}"))
    for base in shas:
        found = history_of(tmp_path, shas, base)
        assert (found.base, found.base_state) == (base, "known")


def test_a_manifest_that_is_gone_wants_what_pruning_says(tmp_path: Path) -> None:
    """What is planned then stands in no file: it is the target's word, and the commit is the one
    that took the file away."""
    _, shas = told(tmp_path, alpha("stages: {Production: 1}"), {"a": "1"}, {ALPHA: None})
    git = Git(tmp_path)
    empty = wants(
        build([SourceFile(ALPHA, b"name: alpha\nstages: {Production: null}\n")], REGISTRY)
    )
    histories = HistoryReader(git.line(shas[-1], REGISTRY), REGISTRY, git.blobs)
    found = histories.history("alpha", empty["alpha"], Base.at(shas[0]))
    assert found.before is not None and found.before.holders("Production") == (1,)
    assert as_told(found)[1:] == [(shas[2], empty["alpha"])]
    never_there = histories.history("new", empty["alpha"], Base.at(None))
    assert as_told(never_there) == [(None, empty["alpha"])]


def test_a_commit_that_nobody_has_read_is_known_by_its_name_alone() -> None:
    text = b"name: m\nstages: {}\n"
    line = MainLine(["a" * 40], [(0, f"{REGISTRY}/models/m.yaml", "blob")], {})
    target = wants(build([SourceFile(f"{REGISTRY}/models/m.yaml", text)], REGISTRY))
    histories = HistoryReader(line, REGISTRY, lambda ids: dict.fromkeys(ids, text))
    found = histories.history("m", target["m"], Base.at(None))
    assert found.points[0].commit == Commit("a" * 40, "", "", "")


def test_has_manifest(tmp_path: Path) -> None:
    moved = f"{REGISTRY}/models/team/alpha.yaml"
    text = alpha("stages: {}")[ALPHA]
    _, shas = told(
        tmp_path,
        {"a": "1"},
        {ALPHA: text},
        {ALPHA: None, moved: text},
        {moved: None},
        {moved: text},
    )
    histories = HistoryReader(Git(tmp_path).line(shas[-1], REGISTRY), REGISTRY, Git(tmp_path).blobs)
    assert [histories.files.has_manifest("alpha", sha) for sha in shas] == [
        False,
        True,
        True,
        False,
        True,
    ]
    assert not histories.files.has_manifest("beta", shas[-1])


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("Promote 14 (#128)", 128),
        ('Revert "Promote 14 (#128)" (#130)', 130),
        ("Merge pull request #9 from a/b", 9),
        ("Merge pull request #9 from a/b (#10)", 10),
        ("See Merge pull request #9", None),
        ("Merge pull request #9", None),
        ("Merge pull request #9: sounds good", None),
        ('Revert "Promote 14 (#128)"', None),
        ('Revert "Merge pull request #9 from a/b"', None),
        ('Reapply "Promote 14 (#128)"', None),
        ("Promote 14 (#128) again", None),
        ("Promote 14(#128)", None),
        ("Fixes #12", None),
        ("(#)", None),
        ("", None),
    ],
)
def test_the_pull_request_of_a_subject(subject: str, number: int | None) -> None:
    assert Commit("0" * 40, "", "A Person <a@example.org>", subject).pull_request == number


def test_the_generated_histories_hold_what_they_promise() -> None:
    """The generator must really make merges, links, twins and the like, or the tests above prove
    little."""
    seen: Counter[str] = Counter()
    for seed in range(36):
        rng = random.Random(seed)
        history = random_history(rng, rng.randint(2, 14))
        clocks = [history.nodes[i].when for i in history.main]
        seen["skewed"] += clocks != sorted(clocks)
        for i in history.main:
            node = history.nodes[i]
            stems = Counter(
                stem_of(path) for path in node.tree if classify_below(path) == "manifest"
            )
            seen["merge"] += len(node.parents) > 1
            seen["twin"] += max(stems.values(), default=0) > 1
            seen["link"] += any(isinstance(content, Link) for content in node.tree.values())
            seen["empty"] += same_as_parent(history, node)
            seen["policy"] += f"{REGISTRY}/policy.yaml" in node.tree
    assert all(
        seen[what] >= 5 for what in ("skewed", "merge", "twin", "link", "empty", "policy")
    ), seen


def classify_below(path: str) -> str | None:
    return REGISTRY.classify(path) if path.startswith(f"{REGISTRY}/") else None


def same_as_parent(history: History, node: Node) -> bool:
    return len(node.parents) == 1 and history.nodes[node.parents[0]].tree == node.tree
