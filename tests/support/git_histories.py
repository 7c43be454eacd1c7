"""Real git repositories, built fast: one `git fast-import` a history, random or told commit by
commit.

Nothing of the user's own git reaches them: no configuration, no identity, no hooks.
"""

from __future__ import annotations

import os
import random
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from tests.support.repositories.empty import make_repository
from tests.support.repositories.fixed_reads import reads_what_never_changes

ISOLATED = {
    "GIT_CONFIG_GLOBAL": str(Path(__file__).with_name("gitconfig")),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
}
MODELS = ("alpha", "beta")
REGISTRY = RegistryFolder("registry")
START = 1_767_225_600  # 2026-01-01

Tree = Mapping[str, "bytes | Link"]


@dataclass(frozen=True)
class Link:
    """A symbolic link in a tree."""

    to: str


@dataclass(frozen=True)
class Node:
    """One commit to be built: its whole tree, its parents as indices of earlier nodes, the first
    parent first."""

    tree: Tree
    parents: tuple[int, ...]
    subject: str = "Change"
    when: int = START
    author: str = "A Person <a@example.org>"


@dataclass
class History:
    """Commits in the order of creation; `main` holds the indices of the main line, oldest first."""

    nodes: list[Node] = field(default_factory=list)
    main: list[int] = field(default_factory=list)

    def add(
        self,
        tree: Tree,
        *others: int,
        subject: str = "Change",
        when: int | None = None,
        **about: str,
    ) -> int:
        """Put a commit on the main line; `others` are the commits that it merges."""
        at = START + 60 * len(self.nodes) if when is None else when
        self.nodes.append(Node(dict(tree), (*self.main[-1:], *others), subject, at, **about))
        self.main.append(len(self.nodes) - 1)
        return self.main[-1]

    def branch(self, tree: Tree, parent: int, subject: str = "On a branch", **about: str) -> int:
        """Put a commit beside the main line."""
        self.nodes.append(
            Node(dict(tree), (parent,), subject, START + 60 * len(self.nodes), **about)
        )
        return len(self.nodes) - 1

    @property
    def tip(self) -> Tree:
        return self.nodes[self.main[-1]].tree if self.main else {}


class Repo:
    """One repository on disk."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._fixed: dict[tuple[str, ...], bytes] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if options:
            self.git("init", "-q", "-b", "main", *options)
        else:
            make_repository(folder)

    def git(
        self,
        *args: str,
        feed: bytes | None = None,
        check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """What a git command prints, without the line break at its end."""
        return (
            self.raw(*args, feed=feed, check=check, env=env)
            .decode("utf-8", "surrogateescape")
            .removesuffix("\n")
        )

    def raw(
        self,
        *args: str,
        feed: bytes | None = None,
        check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        is_fixed = feed is None and not env and reads_what_never_changes(args)
        if is_fixed and (known := self._fixed.get(args)):
            return known
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        completed = subprocess.run(
            ["git", *args],
            cwd=self.folder,
            env=clean | ISOLATED | dict(env or {}),
            input=feed,
            capture_output=True,
        )
        if check and completed.returncode:
            raise AssertionError(
                f"git {' '.join(args)}: {completed.stderr.decode('utf-8', 'replace')}"
            )
        if is_fixed and not completed.returncode:
            self._fixed[args] = completed.stdout
        return completed.stdout

    def write(self, path: str, content: str | bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, subject: str = "Change", files: Mapping[str, str] | None = None) -> str:
        """Write files, commit everything, and return the commit's id."""
        for path, content in (files or {}).items():
            self.write(path, content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def build(self, history: History) -> list[str]:
        """Make every commit of a history; main is its main line. Returns their ids, by node."""
        marks = self.folder / ".git" / "marks"
        stream = BytesIO()
        for i, node in enumerate(history.nodes):
            ref = "refs/heads/main" if i in history.main else f"refs/heads/side-{i}"
            message = node.subject.encode()
            lines = (
                f"commit {ref}",
                f"mark :{i + 1}",
                f"author {node.author} {node.when} +0000",
                f"committer C Person <c@example.org> {node.when} +0000",
                f"data {len(message)}",
            )
            stream.write("".join(f"{line}\n" for line in lines).encode())
            stream.write(message + b"\n")
            for keyword, parent in zip(
                ("from", *["merge"] * len(node.parents)), node.parents, strict=False
            ):
                stream.write(f"{keyword} :{parent + 1}\n".encode())
            stream.write(b"deleteall\n")
            for path, content in node.tree.items():
                data = content.to.encode() if isinstance(content, Link) else content
                mode = "120000" if isinstance(content, Link) else "100644"
                stream.write(f"M {mode} inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
        self.git("fast-import", "--quiet", f"--export-marks={marks}", feed=stream.getvalue())
        lines = marks.read_text().split("\n")
        found = dict(line.split() for line in lines if line)
        return [found[f":{i + 1}"] for i in range(len(history.nodes))]

    def files(self, commit: str) -> dict[str, bytes | None]:
        """What a commit holds below the registry folder, each file whole; None for a link."""
        packed = self.raw("archive", "--format=tar", commit, "--", str(REGISTRY), check=False)
        if not packed:
            return {}
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            return {
                member.name: None if member.issym() else archive.extractfile(member).read()  # type: ignore[union-attr]
                for member in archive
                if not member.isdir()
            }


def manifest(name: str, body: str) -> bytes:
    return f"name: {name}\n{body}\n".encode()


BODIES = (
    "stages: {Production: 1}",
    "stages: {Production: 2}",
    "stages: {Production: 2, Staging: 3}",
    "stages: {Production: 3, Staging: null}\ntags: {a: x}",
    "stages: {Staging: 1}\ndescription: one",
    "stages: {}\ntags: {a: w, b: x}\nversions: {1: {description: one, tags: {a: x}}}",
    "stages: {Production: 1, Archived: [2, 3]}\naliases: {champion: 1}",
    "stages: {Production: 1}\naliases: {champion: 2}\nversions: {2: {run_id: abc}}",
    "stages: {Production: 1}\nowners: ['@a']",
    "stages: {Canary: 4, Production: 1}",  # an error where the policy has no such stage
    "stages: {Production: [1, 2]}",  # an error where the policy gives Production an alias
)
UNREADABLE = (
    "stages: {Production: 1",
    "stages: {Production: 1}\nunknown: 1",
    "stages: {Production: 1, Staging: 1}",
    "stages: {Production: 010}",
)
POLICIES = (
    b"drift: heal\n",
    b"drift: report\n",
    b"stages: {Production: {alias: production}}\n",
    b"stages: {Canary: {alias: canary, native: false}, Staging: {protected: true}}\n",
    b"stages: {Canary: {alias: canary, native: false}}\nmodels: [{match: 'al*', drift: report}]\n",
)
UNREADABLE_POLICIES = (b"stages: {\n", b"drift: perhaps\n")

AUTHORS = ("A Person <a@example.org>", "B Person <b@example.org>", "D Person <d@example.org>")
EDITS = (
    *("edit", "edit", "edit", "edit", "bad", "delete", "move", "rename", "copy", "link"),
    *("policy", "nopolicy", "badpolicy", "other", "twin", "untwin"),
)

_POLICY = f"{REGISTRY}/policy.yaml"


def random_history(rng: random.Random, commits: int) -> History:
    """A history of a small team that does everything a team does, and some things it should not."""
    history = History()
    timestamp = START
    while len(history.main) < commits:
        timestamp += rng.choice((0, 1, 3600, 86_400, -7200))  # clocks are not always right
        subject = rng.choice(
            (
                "Promote",
                "Promote 2 (#12)",
                "Merge pull request #7 from a/b",
                'Revert "Promote (#3)" (#4)',
            )
        )
        if history.main and rng.random() < 0.2:
            _merge(rng, history, subject, timestamp)
        elif len(history.main) > 1 and rng.random() < 0.12:
            history.add(
                history.nodes[rng.choice(history.main)].tree, subject="Revert", when=timestamp
            )
        else:
            tree = history.tip
            for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):  # none: an empty commit; many: a squash
                tree = _edit(rng, tree)
            history.add(tree, subject=subject, when=timestamp, author=rng.choice(AUTHORS))
    return history


def foxtrot_history(rng: random.Random, commits: int) -> tuple[History, list[int], list[int]]:
    """A random history in which somebody pulled main into commits of their own and pushed that:
    the last merge's first parent is the side that was pulled into.

    Also returns the line of what was the main branch all the time, and those of its commits that
    the first parents of the end lead past.
    """
    history = random_history(rng, commits)
    before = list(history.main)
    fork = rng.randrange(len(before) - 1)
    tip, tree, head = history.tip, history.nodes[before[fork]].tree, before[fork]
    start, sides = tree, []
    for _ in range(rng.randint(1, 3)):
        tree = _edit(rng, tree)
        head = history.branch(tree, head, author=rng.choice(AUTHORS))
        sides.append(head)
    merged = _merged(start, tip, tree)
    history.main = [*before[: fork + 1], *sides]
    pulled = history.add(merged, before[-1], subject="Merge branch 'main' of origin")
    line = [*before, pulled]
    for _ in range(rng.randint(0, 2)):
        line.append(history.add(_edit(rng, history.tip), subject="Go on"))
    return history, line, before[fork + 1 :]


def _merged(start: Tree, ours: Tree, theirs: Tree) -> dict[str, bytes | Link]:
    """`ours` with what changed from `start` to `theirs`."""
    merged = dict(ours)
    for path in start.keys() | theirs.keys():
        if start.get(path) != theirs.get(path):
            merged.pop(path, None)
            if path in theirs:
                merged[path] = theirs[path]
    return merged


def _merge(rng: random.Random, history: History, subject: str, when: int) -> None:
    """A true merge of a branch that began at some earlier commit of the main line."""
    start = rng.choice(history.main[-4:])
    head, tree = start, history.nodes[start].tree
    for _ in range(rng.randint(1, 3)):
        tree = _edit(rng, tree)
        head = history.branch(tree, head, author=rng.choice(AUTHORS))
    merged = _merged(history.nodes[start].tree, history.tip, tree)
    if rng.random() < 0.2:
        merged = dict(_edit(rng, merged))  # what neither side had
    history.add(merged, head, subject=subject, when=when)


def _edit(rng: random.Random, tree: Tree) -> Tree:
    """A copy of a tree with one random edit, drawn from EDITS."""
    new = dict(tree)
    edit = rng.choice(EDITS)
    if edit in _POLICY_EDITS:
        _edit_policy(rng, new, edit)
    else:
        _edit_model(rng, new, edit)
    return new


_POLICY_EDITS = ("policy", "nopolicy", "badpolicy")


def _edit_policy(rng: random.Random, tree: dict[str, bytes | Link], edit: str) -> None:
    if edit == "nopolicy":
        tree.pop(_POLICY, None)
    else:
        tree[_POLICY] = rng.choice(POLICIES if edit == "policy" else UNREADABLE_POLICIES)


def _edit_model(rng: random.Random, tree: dict[str, bytes | Link], edit: str) -> None:
    name = rng.choice(MODELS)
    manifests = [path for path in tree if path.endswith(f"/{name}.yaml")]
    home = rng.choice((f"{REGISTRY}/models/{name}.yaml", f"{REGISTRY}/models/team/{name}.yaml"))
    path = rng.choice(manifests) if manifests else home
    match edit:
        case "edit":
            tree[path] = manifest(name, rng.choice(BODIES))
        case "bad":
            tree[path] = rng.choice(
                (manifest(name, rng.choice(UNREADABLE)), manifest("other", BODIES[0]), b"\xff")
            )
        case "delete":
            tree.pop(path, None)
        case "move" if manifests and home not in tree:
            content = tree.pop(path)
            tree[home] = rng.choice((content, manifest(name, rng.choice(BODIES))))
        case "rename" if manifests:
            tree.pop(path)
            tree[f"{REGISTRY}/models/gamma.yaml"] = manifest("gamma", rng.choice(BODIES))
        case "copy" if manifests:
            tree[f"{REGISTRY}/models/copy/{name}.yaml"] = tree[path]
        case "twin":
            tree[f"{REGISTRY}/models/{name.upper()}.yaml"] = manifest(
                name.upper(), rng.choice(BODIES)
            )
        case "untwin":
            tree.pop(f"{REGISTRY}/models/{name.upper()}.yaml", None)
        case "link":
            # The link's target reads like a manifest, and must not be taken for one.
            tree[rng.choice((path, _POLICY))] = Link(f"{{name: {name}, stages: {{Production: 4}}}}")
        case _:
            paths = ("train.py", f"{REGISTRY}/README.md", "other/models/alpha.yaml")
            tree[rng.choice(paths)] = rng.randbytes(4)
