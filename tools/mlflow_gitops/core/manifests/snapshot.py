"""A snapshot: every manifest and the policy, read from the working tree or from one git revision
alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from mlflow_gitops.core.manifests.manifest import Manifest, check_policy, kind_of, read_manifest
from mlflow_gitops.core.manifests.names import Kind as ManifestKind
from mlflow_gitops.core.manifests.names import model_of
from mlflow_gitops.core.manifests.policy import Policy, read_policy, rule_faults
from mlflow_gitops.core.wording import first_few
from mlflow_gitops.core.yaml.document import Document
from mlflow_gitops.core.yaml.problems import Problem, in_order
from mlflow_gitops.core.yaml.schema_check import schema_text

LINK = "is a symbolic link; links are not followed, a manifest is a plain file"

ENVIRONMENTS = "environments.yaml"
"""The list of environments, where a repository keeps several: in the folder that theirs lie in."""

Kind = Literal["manifest", "policy", "extension", "misplaced"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a registry folder. `path` is relative to the repository; `data` is None where
    `fault` says why it could not be read."""

    path: str
    data: bytes | None
    fault: str | None = None


@dataclass(slots=True)
class Snapshot:
    """What a registry folder says. `manifests` holds the valid ones by model name; `problems` is
    everything found, sorted."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0
    """Manifest files read, valid or not."""
    digest: str = ""
    """SHA-256 over the paths and contents of manifests and policy: equal trees, equal digests."""

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "warning"]


class Folder(str):
    """The path of a registry folder in its repository, and that of its policy, which several
    folders may share."""

    policy: str

    def __new__(cls, path: str, policy: str | None = None) -> Folder:
        made = super().__new__(cls, path)
        made.policy = policy or f"{path}/policy.yaml"
        return made

    def __reduce__(self) -> tuple[type[Folder], tuple[str, str]]:
        return Folder, (str(self), self.policy)


def policy_of(registry: str) -> str:
    """The path of a registry folder's policy."""
    return registry.policy if isinstance(registry, Folder) else f"{registry}/policy.yaml"


def outside(registry: str) -> tuple[str, ...]:
    """What belongs to a registry folder and lies elsewhere: a shared policy, or nothing."""
    file = policy_of(registry)
    return () if file.startswith(f"{registry}/") else (file,)


def classify(path: str, registry: str) -> Kind | None:
    """What a file below the registry folder is, or the policy that it shares; None for what nobody
    reads (READMEs and the like), or elsewhere."""
    if not path.startswith(f"{registry}/"):
        return "policy" if path == policy_of(registry) else None
    inner = path[len(registry) + 1 :]
    name = inner.rpartition("/")[2]
    in_models = inner.startswith("models/")
    if inner == ENVIRONMENTS:
        return None  # it has a reader of its own, core/manifests/environments.py
    stem, dot, ending = name.rpartition(".")
    if not stem or not dot or ending.lower() not in ("yaml", "yml"):
        return None
    if ending == "yaml":
        return "manifest" if in_models else "policy" if path == policy_of(registry) else "misplaced"
    return "extension" if in_models or stem.lower() == "policy" else "misplaced"


def matters(path: str, registry: str, *, link: bool = False) -> bool:
    """Whether a file is to be read. Any symbolic link at models/ or below matters: it could hide a
    folder of manifests."""
    return classify(path, registry) is not None or (
        link and f"{path}/".startswith(f"{registry}/models/")
    )


def stem_of(path: str) -> str:
    """The stem of a manifest's file name, which is the model's identity in history."""
    return path.rpartition("/")[2].removesuffix(".yaml")


class Read(NamedTuple):
    """One manifest's file as read: the model that it speaks of, its manifest if it is right by
    itself, and what is wrong."""

    path: str
    model: str
    manifest: Manifest | None
    problems: list[Problem]
    kind: ManifestKind = "model"


Spread = Callable[[Callable[[SourceFile], Read], list[SourceFile]], Iterable[Read]]
"""Does the same to each of many files, and keeps their order: `map`, or one that takes several
processors."""


def build(files: Iterable[SourceFile], registry: str, spread: Spread = map) -> Snapshot:
    """Read a whole registry folder, `registry` being its path in the repository. Never raises for
    what the files hold."""
    snapshot = Snapshot()
    found: list[Problem] = []
    known = [
        (file, classify(file.path, registry)) for file in sorted(files, key=lambda file: file.path)
    ]
    tree = hashlib.sha256()
    for file, kind in known:
        if kind in ("manifest", "policy"):
            content = hashlib.sha256(file.data or b"").hexdigest()
            tree.update(f"{file.path}\0{content}\n".encode("utf-8", "surrogatepass"))
        if file.data is None:  # a link of any name may hide a folder of manifests
            found.append(Problem(file.path, 1, 1, "not-a-file", file.fault or "cannot be read"))
    snapshot.digest = tree.hexdigest()
    policy_file: str | None = None
    for file, kind in known:
        if kind == "extension":
            found.append(
                Problem(file.path, 1, 1, "file-extension", "is not read: give it the ending .yaml")
            )
            if not file.path.startswith(f"{registry}/models/"):
                policy_file = (
                    policy_file or file.path
                )  # the policy, unread: no manifest is judged without it
        elif kind == "misplaced":
            message = (
                f"is not read: manifests live in {registry}/models/, the policy is"
                f" {policy_of(registry)}"
            )
            found.append(Problem(file.path, 1, 1, "misplaced-file", message, "warning"))
        elif kind == "policy":
            policy_file = file.path
            if file.data is not None:
                whole, problems = read_policy(file.data, file.path)
                found += problems
                snapshot.policy = whole or snapshot.policy
    if policy_file is None and (shared := outside(registry)):
        policy_file = shared[0]
        found.append(
            Problem(
                policy_file, 1, 1, "not-a-file", f"is the policy of {registry}/ and is not there"
            )
        )
    # A policy that is wrong judges nobody.
    policy = None if any(problem.file == policy_file for problem in found) else snapshot.policy
    manifests = [file for file, kind in known if kind == "manifest"]
    read = list(
        spread(partial(_read, policy=policy), [file for file in manifests if file.data is not None])
    )
    for one in read:
        found += one.problems
    if policy is not None and policy_file is not None:
        found += _meetings(policy, policy_file, ((one.model, one.kind) for one in read))
    listed = [file.path for file in manifests]
    found += twins(listed)
    snapshot.count = len(listed)
    faulty = {problem.file for problem in found if problem.severity == "error"}
    snapshot.manifests = {
        one.manifest.name: one.manifest for one in read if one.manifest and one.path not in faulty
    }
    snapshot.problems = in_order(found)
    return snapshot


def twins(paths: Iterable[str]) -> list[Problem]:
    """Manifests of one name, and names equal but for case (which some file systems and databases
    take for one).

    Each is told of the others, since any of them may be the one that a change brought.
    """
    alike: dict[str, list[str]] = {}
    for path in sorted(paths):
        alike.setdefault(stem_of(path).lower(), []).append(path)
    problems = []
    for group in alike.values():
        for path in group if len(group) > 1 else ():
            same = [other for other in group if other != path and stem_of(other) == stem_of(path)]
            differing = [other for other in group if stem_of(other) != stem_of(path)]
            if same:
                problems.append(
                    Problem(
                        path, 1, 1, "duplicate-model", f"the same model as {first_few(same, 1)}"
                    )
                )
            if differing:
                problems.append(
                    Problem(
                        path,
                        1,
                        1,
                        "case-clash",
                        f"the same but for case as {first_few(differing, 1)}",
                    )
                )
    return problems


def _read(file: SourceFile, policy: Policy | None) -> Read:
    """Read one manifest and judge it by the policy, if there is one to judge by."""
    manifest, document = read_manifest(file.data or b"", file.path)
    model, kind = _model(document), kind_of(document)
    if policy is not None:
        check_policy(document, policy.for_model(model, kind))
    return Read(file.path, model, manifest, document.problems, kind)


def _meetings(
    policy: Policy, file: str, models: Iterable[tuple[str, ManifestKind]]
) -> Iterable[Problem]:
    """What exceptions of the policy that meet in one of the models make wrong with it, and what
    stages that are aliases in a prompt do; each meeting told once."""
    met: set[tuple[ManifestKind, tuple[int, ...]]] = set()
    for model, kind in models:
        which = policy.matches(model, kind)
        if (len(which) > 1 or kind == "prompt") and (kind, which) not in met:
            met.add((kind, which))
            about = (
                f"as the aliases of the prompt {model}"
                if kind == "prompt"
                else f"together for {model}"
            )
            for path, code, message in rule_faults(policy.for_model(model, kind)):
                if kind == "model" or path[1] != "Archived":  # which a prompt does not have
                    yield Problem(file, 1, 1, code, f"{about}: {message}")


def _model(document: Document) -> str:
    """The model that a manifest speaks of, even one that does not say so rightly."""
    name = document.root.get("name") if isinstance(document.root, dict) else None
    return name if isinstance(name, str) else model_of(stem_of(document.file))


def schema_copy_problems(copies: Mapping[str, bytes]) -> list[Problem]:
    """Warn where a repository's own copy of a schema (path to content) differs from the one in use,
    which is the CLI's."""
    problems = []
    for path, data in sorted(copies.items()):
        name = PurePosixPath(path).name.removesuffix(".schema.json")
        if data.decode("utf-8", "replace").replace("\r\n", "\n") != schema_text(name):
            message = (
                "differs from the schema this command uses; editors will check by other rules."
                " Renew it: init --update"
            )
            problems.append(Problem(path, 1, 1, "schema-copy-differs", message, "warning"))
    return problems
