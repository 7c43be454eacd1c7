"""The same code reads the working tree and any revision, and finds the same (DESIGN §1)."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.settings import Settings
from tests.support.git_histories import REGISTRY, History, Link, Repo, Tree

# A repository costs a dozen processes of git.
HISTORIES = max(3, int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "150")) // 40)
COMMITS = 6

NAMES = ("alpha", "Alpha", "beta", "Große", ".hidden", "with space", "a%b")
FOLDERS = ("", "nlp/", "nlp/de/", "ünï/")
BODIES = (
    "stages: {}\n",
    "stages: {Production: 1, Staging: [2]}\naliases: {champion: 1}\n",
    "stages:\n  Production: 3\n  Archived: [1, 2]\ntags: {task: x}\nversions: {3: {run_id: a}}\n",
    "stages: {Canary: 4, Production: 4}\n",
    "stages: {Production: [1, 2]}\n",
    "stages: {Production: 010}\n",
    "description: é 日 🦊\nstages: {Nowhere: 1}\nunknown: 1\n",
    "stages: {\n",
)
POLICIES = (
    b"stages: {Canary: {alias: canary, native: false}, Production: {alias: production}}\n",
    b"drift: report\nmodels: [{match: 'a*', stages: {Canary: {alias: c, native: false}}}]\n",
    b"stages: {Canary: {native: false}}\n",
)
OTHERS = (
    "README.md",
    "policy.yml",
    "stray.yaml",
    "models/old.yml",
    "models/notes.txt",
    "models/.keep.yaml",
)


def random_tree(chance: random.Random) -> dict[str, bytes | Link]:
    tree: dict[str, bytes | Link] = {
        "registry/models/.gitkeep": b"",
        "registry2/models/alpha.yaml": b"no part of it",
    }
    for name in chance.sample(NAMES, chance.randint(0, 4)):
        text = f"name: {name!r}\n{chance.choice(BODIES)}".replace(
            "\n", chance.choice(["\n", "\r\n"])
        )
        tree[f"registry/models/{chance.choice(FOLDERS)}{file_stem(name)}.yaml"] = text.encode()
    if chance.random() < 0.7:
        tree["registry/policy.yaml"] = chance.choice(POLICIES)
    for other in chance.sample(OTHERS, chance.randint(0, 2)):
        tree[f"registry/{other}"] = chance.choice([b"", b"\xff\x00", b"name: other\nstages: {}\n"])
    if chance.random() < 0.3:
        tree["registry/models/link.yaml"] = Link("beta.yaml")
    if chance.random() < 0.2:
        tree["registry/models/folder"] = Link("../../registry2/models")
    return tree


def lay_out(repo: Repo, tree: Tree) -> None:
    """Put a tree into the working tree by hand, so that what git checks out is not compared with
    itself."""
    for folder in ("registry", "registry2"):
        shutil.rmtree(repo.folder / folder, ignore_errors=True)
    for path, content in tree.items():
        if isinstance(content, Link):
            (repo.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (repo.folder / path).symlink_to(content.to)
        else:
            repo.write(path, content)


def says(snapshot: Snapshot) -> tuple[object, ...]:
    return (
        snapshot.manifests,
        snapshot.policy.raw,
        snapshot.problems,
        snapshot.count,
        snapshot.digest,
    )


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_a_revision_says_what_the_working_tree_said(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    history = History()
    for _ in range(COMMITS):
        history.add(random_tree(chance))
    repo = Repo(tmp_path / "repo")
    shas = repo.build(history)
    workspace = Workspace(Settings(repo=repo.folder))
    digests = {}
    for sha, node in zip(shas, history.nodes, strict=True):
        lay_out(repo, node.tree)
        tree, commit = workspace.tree(), workspace.at(sha)
        assert says(tree) == says(commit)
        ours = {path: data for path, data in node.tree.items() if path.startswith("registry/")}
        read = [
            path
            for path, data in ours.items()
            if REGISTRY.is_relevant(path, is_link=isinstance(data, Link))
        ]
        assert {problem.file for problem in tree.problems} <= set(read)
        assert tree.count == sum(REGISTRY.classify(path) == "manifest" for path in read)
        digests.setdefault(tree.digest, set()).add(repr(sorted(content_of(node.tree).items())))
    assert all(len(trees) == 1 for trees in digests.values()), "other manifests, another digest"


def content_of(tree: Tree) -> dict[str, object]:
    """What the digest covers: manifests and the policy."""
    below = {path: content for path, content in tree.items() if path.startswith("registry/")}
    return {
        path: content
        for path, content in below.items()
        if REGISTRY.classify(path) in ("manifest", "policy")
    }


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("models/a.yaml", "manifest"), ("models/nlp/a.yaml", "manifest"),
        ("models/policy.yaml", "manifest"),
        ("policy.yaml", "policy"), ("a.yaml", "misplaced"), ("policies/policy.yaml", "misplaced"),
        ("models/a.yml", "extension"), ("models/a.YAML", "extension"), ("policy.yml", "extension"),
        ("Policy.YML", "extension"), ("a.yml", "misplaced"), ("models.yaml", "misplaced"),
        ("models/README.md", None),
        ("models/a.json", None), ("models/a.yaml.bak", None), ("models/yaml", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("registry", ["registry", "deep/er"])
def test_what_a_file_is(path: str, kind: str | None, registry: str) -> None:
    folder = RegistryFolder(registry)
    assert folder.classify(f"{registry}/{path}") == kind
    assert folder.is_relevant(f"{registry}/{path}") == (kind is not None)
    assert (
        folder.classify(f"{registry}2/{path}") is None
        and RegistryFolder("elsewhere").classify(path) is None
    )
