"""A snapshot: every manifest and the policy of a registry folder, read from the working tree or
from one git revision."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy, kind_of
from mlflow_gitops.core.manifests.names import (
    FormerName,
    Kind,
    difference,
    folded,
    former_name_problems,
    former_names_of,
    model_of,
)
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy, rule_faults
from mlflow_gitops.core.manifests.registry_folder import FileKind, RegistryFolder, stem_of
from mlflow_gitops.core.manifests.validity import Validity, validity
from mlflow_gitops.core.wording import first_few
from mlflow_gitops.core.yaml.document import Document
from mlflow_gitops.core.yaml.problems import Problem, in_order

TWINS_WAY_OUT = (
    "rename one of the models, or manage one from a registry folder of its own (--registry-dir)"
)
"""How to manage two models whose names some registries take for one."""

LINK = "is a symbolic link; links are not followed, a manifest must be a plain file"


class SourceFile(NamedTuple):
    """One file of a registry folder. `path` is relative to the repository. `data` is None if the
    file could not be read; `fault` then gives the reason."""

    path: str
    data: bytes | None
    fault: str | None = None


@dataclass(slots=True)
class Snapshot:
    """The content of a registry folder. `manifests` has the valid manifests by model name,
    `problems` every error and warning, sorted."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0
    """The number of manifest files, valid or not."""
    digest: str = ""
    """SHA-256 over the paths and contents of the manifests and the policy: equal files have equal
    digests. Line ends do not count: with `core.autocrlf`, they differ from those in git."""
    validity: Validity = field(default_factory=Validity)
    """The errors by what they stop: the policy, one model, or nothing."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """The SHA-256 of each manifest and of the policy, by path; line ends do not count."""

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "warning"]


class ReadManifest(NamedTuple):
    """One manifest file after reading: the model that it names, its manifest (None if it has errors
    of its own), and its problems."""

    path: str
    model: str
    manifest: Manifest | None
    problems: list[Problem]
    kind: Kind = "model"
    former_names: tuple[FormerName, ...] = ()


Spread = Callable[[Callable[[SourceFile], ReadManifest], list[SourceFile]], Iterable[ReadManifest]]
"""Calls a function for each of many files and keeps their order: `map`, or a map that uses several
processors."""

ClassifiedFile = tuple[SourceFile, FileKind | None]


def build(
    files: Iterable[SourceFile],
    registry: RegistryFolder,
    spread: Spread = map,
    *,
    other_stems: Collection[str] = (),
    digests: bool = True,
) -> Snapshot:
    """Read a whole registry folder, or a part of it; `other_stems` are then those of all its
    manifests. Faulty files never raise: every fault becomes a problem of the snapshot. Without
    `digests`, it has no contents: loading the library takes as long as reading a few files."""
    in_path_order = sorted(files, key=lambda file: file.path)
    classified = [(file, registry.classify(file.path)) for file in in_path_order]
    problems = list(_file_problems(classified, registry))
    policy_file, policy = _read_policy(classified, registry, problems)

    # Manifests are not checked by a policy that has errors.
    is_policy_valid = not any(problem.file == policy_file for problem in problems)
    manifest_files = [file for file, kind in classified if kind == "manifest"]
    readable = [file for file in manifest_files if file.data is not None]
    read_one = partial(_read, policy=policy if is_policy_valid else None)
    manifests = list(spread(read_one, readable))

    for read in manifests:
        problems += read.problems
    rule_errors: dict[str, Problem] = {}
    if is_policy_valid and policy_file is not None:
        rule_errors = _combination_problems(policy, policy_file, manifests, problems)
    problems += name_clashes(file.path for file in manifest_files)
    stems = {*other_stems, *(stem_of(file.path) for file in manifest_files)}
    problems += former_name_problems([(read.path, read.former_names) for read in manifests], stems)

    contents = _contents(classified) if digests else {}
    errors = (problem for problem in problems if problem.severity == "error")
    named_models = {read.path: read.model for read in manifests}
    faulty = {problem.file for problem in problems if problem.severity == "error"}
    return Snapshot(
        manifests={
            read.manifest.name: read.manifest
            for read in manifests
            if read.manifest and read.path not in faulty
        },
        policy=policy,
        problems=in_order(problems),
        count=len(manifest_files),
        digest=_digest(contents) if digests else "",
        validity=validity(errors, policy_file, named_models, rule_errors, registry),
        contents=contents,
    )


def _contents(classified: Sequence[ClassifiedFile]) -> dict[str, str]:
    import hashlib

    return {
        file.path: hashlib.sha256((file.data or b"").replace(b"\r\n", b"\n")).hexdigest()
        for file, kind in classified
        if kind in ("manifest", "policy")
    }


def _digest(contents: Mapping[str, str]) -> str:
    import hashlib

    tree = hashlib.sha256()
    for path, content in contents.items():
        tree.update(f"{path}\0{content}\n".encode("utf-8", "surrogatepass"))
    return tree.hexdigest()


def _file_problems(
    classified: Sequence[ClassifiedFile], registry: RegistryFolder
) -> Iterator[Problem]:
    """The problems of files that are not read."""
    for file, kind in classified:
        if file.data is None:  # a link with any name could hide a folder of manifests
            yield Problem(file.path, 1, 1, "not-a-file", file.fault or "cannot be read")
        if kind == "extension":
            is_ending = not file.path.endswith(".yaml")
            name = "end in .yaml" if is_ending else "be policy.yaml"
            yield Problem(file.path, 1, 1, "file-extension", f"is not read: its name must {name}")
        elif kind == "misplaced":
            message = (
                f"is not read: manifests belong in {registry}/models/, the policy is"
                f" {registry.policy_path}"
            )
            yield Problem(file.path, 1, 1, "misplaced-file", message, "warning")


def _read_policy(
    classified: Sequence[ClassifiedFile], registry: RegistryFolder, problems: list[Problem]
) -> tuple[str | None, Policy]:
    """The path of the policy and the policy, MLflow's own rules if it cannot be used. Problems of
    the policy are added to `problems`.

    A file that was meant to be the policy (`policy.yml`) counts as the policy's path: without it
    manifests must not be checked by the default rules.
    """
    for file, kind in classified:
        if kind == "policy":
            if file.data is None:
                return file.path, Policy()
            policy, policy_problems = read_policy(file.data, file.path)
            problems += policy_problems
            return file.path, policy or Policy()

    for file, kind in classified:
        if kind == "extension" and not file.path.startswith(f"{registry}/models/"):
            return file.path, Policy()

    for path in registry.paths_outside:
        problems.append(
            Problem(path, 1, 1, "not-a-file", f"is the policy of {registry}/ and does not exist")
        )
        return path, Policy()
    return None, Policy()


def _read(file: SourceFile, policy: Policy | None) -> ReadManifest:
    """Read one manifest, and check it by the policy if there is a usable one."""
    manifest, document = read_manifest(file.data or b"", file.path)
    model, kind = _model_name(document), kind_of(document)
    if policy is not None:
        check_policy(document, policy.for_model(model, kind))
    former_names = former_names_of(document) if manifest and manifest.formerly else ()
    return ReadManifest(file.path, model, manifest, document.problems, kind, former_names)


def _model_name(document: Document) -> str:
    """The model that a manifest is for; by its file name if its `name` is missing or no text."""
    name = document.root.get("name") if isinstance(document.root, dict) else None
    return name if isinstance(name, str) else model_of(stem_of(document.file))


def _combination_problems(
    policy: Policy, file: str, manifests: Iterable[ReadManifest], problems: list[Problem]
) -> dict[str, Problem]:
    """Errors that appear only when several exceptions of the policy apply to one model, or when
    stages become the aliases of a prompt. Each combination is added to `problems` once. Returns the
    first error of each model that has such a combination."""
    first_errors: dict[tuple[Kind, tuple[int, ...]], Problem | None] = {}
    models: dict[str, Problem] = {}
    for read in manifests:
        exceptions = policy.matching_exceptions(read.model, read.kind)
        if len(exceptions) <= 1 and read.kind == "model":
            continue

        combination = read.kind, exceptions
        if combination not in first_errors:
            errors = list(_rule_errors(policy, file, read))
            problems += errors
            first_errors[combination] = errors[0] if errors else None
        if (error := first_errors[combination]) is not None:
            models[read.model] = error
    return models


def _rule_errors(policy: Policy, file: str, read: ReadManifest) -> Iterator[Problem]:
    context = f"with all exceptions that match {read.model}"
    if read.kind == "prompt":
        context = f"with its stages as aliases of the prompt {read.model}"
    for path, code, message in rule_faults(policy.for_model(read.model, read.kind)):
        if read.kind == "model" or path[1] != "Archived":  # prompts have no Archived
            yield Problem(file, 1, 1, code, f"{context}: {message}")


def name_clashes(paths: Iterable[str]) -> list[Problem]:
    """Manifests with the same name, and names that some file systems and registries take for one:
    they differ only in case, or in how letters are composed.

    Every manifest of a clash gets a problem, because any of them may be the one that a change
    added.
    """
    by_folded_name: dict[str, list[str]] = {}
    for path in sorted(paths):
        by_folded_name.setdefault(folded(model_of(stem_of(path))), []).append(path)

    problems: list[Problem] = []
    for group in by_folded_name.values():
        if len(group) > 1:
            for path in group:
                problems += _clashes_of(path, group)
    return problems


def _clashes_of(path: str, group: Sequence[str]) -> Iterator[Problem]:
    stem = stem_of(path)
    equal = [other for other in group if other != path and stem_of(other) == stem]
    differing = [other for other in group if stem_of(other) != stem]
    if equal:
        message = f"is a second manifest of the same model: {first_few(equal, 1)}"
        yield Problem(path, 1, 1, "duplicate-model", message)
    if differing:
        name, other_name = model_of(stem), model_of(stem_of(differing[0]))
        message = (
            f"differs {difference(name, other_name)} from {first_few(differing, 1)}: some file"
            " systems and"
            f" registries take both for one; {TWINS_WAY_OUT}"
        )
        yield Problem(path, 1, 1, "case-clash", message)
