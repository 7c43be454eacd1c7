"""The manifest: one model's desired state, from the text of its file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.manifests.names import (
    Kind,
    alias_reserved,
    file_stem,
    name_fault,
    tag_fault,
)
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.manifests.policy import ModelPolicy
from mlflow_gitops.core.wording import did_you_mean, or_list
from mlflow_gitops.core.yaml import schema_check
from mlflow_gitops.core.yaml.document import Document, parse

_TEN_DIGITS = re.compile(
    r"[1-9][0-9]{9}\Z"
)  # what the schema lets through and a registry may not hold


@dataclass(frozen=True, slots=True)
class DataPin:
    """A DVC-tracked path and the MD5 that the run must have recorded for it."""

    path: str
    md5: str


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """What a manifest says of one version: pins (None where it says nothing), description and tags."""

    run_id: str | None = None
    source: str | None = None
    model_id: str | None = None
    dataset_digest: str | None = None
    data: DataPin | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None
    """What a prompt's version says (`core.prompts`), where a model's has a run and a source."""
    origin: OriginPin | None = None
    """The version of another environment that this one is a copy of."""

    @property
    def can_be_registered(self) -> bool:
        """Whether reconcile registers the version where MLflow lacks it."""
        return self.source is not None or self.origin is not None

    @property
    def registered_from(self) -> str | None:
        """What reconcile registers it from."""
        return self.origin.label if self.origin else self.source


@dataclass(frozen=True, slots=True)
class Manifest:
    """One model's, or one prompt's, desired state. `stages` maps a stage to its versions in
    ascending order, () where it is null or []."""

    name: str
    file: str
    description: str | None
    owners: tuple[str, ...]
    tags: Mapping[str, str]
    stages: Mapping[str, tuple[int, ...]]
    aliases: Mapping[str, int]
    versions: Mapping[int, VersionSpec]
    kind: Kind = "model"


def read_manifest(data: bytes, file: str) -> tuple[Manifest | None, Document]:
    """Parse and check one manifest by itself: YAML, schema, names. The policy's part is
    `check_policy`.

    Returns the manifest, or None if it has errors, and the document that holds its problems and
    positions.
    """
    document = parse(data, file)
    if document.root is not None or not document.problems:
        schema_check.check(document, "model")
    if isinstance(document.root, dict):
        _check_names(document)
        _check_stages(document)
        _check_pins(document)
    if document.problems:
        return None, document
    root = document.root
    return (
        Manifest(
            name=root["name"],
            file=file,
            description=root.get("description"),
            owners=tuple(root.get("owners", ())),
            tags=dict(root.get("tags", {})),
            stages={stage: _versions(value) for stage, value in root["stages"].items()},
            aliases=dict(root.get("aliases", {})),
            versions={
                int(number): _spec(entry, root["name"])
                for number, entry in root.get("versions", {}).items()
            },
            kind=kind_of(document),
        ),
        document,
    )


def kind_of(document: Document) -> Kind:
    """What a manifest is of, even one that has errors."""
    root = document.root
    return "prompt" if isinstance(root, dict) and root.get("kind") == "prompt" else "model"


def _versions(value: object) -> tuple[int, ...]:
    if isinstance(value, list):
        return tuple(sorted(value))
    return (value,) if isinstance(value, int) else ()


def _spec(entry: Mapping[str, object], model: str) -> VersionSpec:
    known = dict(entry)
    if isinstance(origin := known.get("origin"), Mapping):
        known["origin"] = OriginPin(**origin, model=model)
    if isinstance(data := known.get("data"), Mapping):
        known["data"] = DataPin(**data)
    return VersionSpec(**known)  # type: ignore[arg-type]  # the schema has checked every field


def _check_names(document: Document) -> None:
    """Names of the model, its aliases and its tags. Anything of the wrong type is the schema's to
    report."""
    root, kind = document.root, kind_of(document)
    name = root.get("name")
    if isinstance(name, str):
        stem = document.file.rpartition("/")[2].removesuffix(".yaml")
        if fault := name_fault(name, kind):
            document.add_problem_at("name-refused", fault, ("name",))
        elif stem != file_stem(name):
            document.add_problem_at(
                "file-name",
                f"the {kind} {name!r} belongs in {file_stem(name)}.yaml, not {stem}.yaml",
                ("name",),
            )
    aliases = root.get("aliases")
    for alias in aliases if isinstance(aliases, dict) else ():
        if alias_reserved(alias):
            document.add_problem_at(
                "alias-reserved",
                f"MLflow keeps the alias {alias!r} for itself",
                ("aliases", alias),
                key=True,
            )
    versions = root.get("versions")
    tagged: list[tuple[str | int, ...]] = [("tags",)]
    tagged += (
        [("versions", number, "tags") for number in versions] if isinstance(versions, dict) else []
    )
    for path in tagged:
        node = root
        for step in path:
            node = node.get(step) if isinstance(node, dict) else None
        for key in node if isinstance(node, dict) else ():
            if fault := tag_fault(key, kind):
                document.add_problem_at(
                    "tag-reserved" if "belong" in fault else "bad-value",
                    fault,
                    (*path, key),
                    key=True,
                )
    for number in versions if isinstance(versions, dict) else ():
        if _TEN_DIGITS.match(number) and int(number) > 2**31 - 1:
            document.add_problem_at(
                "bad-value", f"version {number} is over 2147483647", ("versions", number), key=True
            )


def _check_stages(document: Document) -> None:
    """No version twice: not in one stage's list, not in two of MLflow's stages (the policy may add
    stages of its own)."""
    for stage, value in _mapping(document.root, "stages").items():
        seen: set[int] = set()
        untold = 0
        for place, version in _listed(value):
            if version not in seen:
                seen.add(version)
            elif document.is_full:
                untold += 1
            else:
                document.add_problem_at(
                    "version-twice",
                    f"{stage} names version {version} twice",
                    ("stages", stage, place),
                )
        if untold:
            document.count_unreported(untold)


_OF_MODELS = ("run_id", "source", "model_id", "dataset_digest", "data", "origin")


def _check_pins(document: Document) -> None:
    """A model is known by its run and source, a prompt by what it says; neither has the other's."""
    kind = kind_of(document)
    versions = _mapping(document.root, "versions")
    for number in versions:
        for word in _mapping(versions, number):
            if kind == "prompt" and word in _OF_MODELS:
                message = f"a prompt has no {word}; what it says is pinned by its digest"
            elif kind == "model" and word == "digest":
                message = (
                    "a model is pinned by run_id, source or model_id; digest is a prompt's (kind:"
                    " prompt)"
                )
            else:
                continue
            document.add_problem_at(
                "pin-of-other-kind", message, ("versions", number, word), key=True
            )


def check_policy(document: Document, policy: ModelPolicy) -> None:
    """Record in `document` what the policy forbids: unknown stages, versions in two native stages,
    aliases (RULES R2).

    Whatever else is wrong with the manifest is passed over, so that one run tells all.
    """
    stages = {stage: _listed(value) for stage, value in _mapping(document.root, "stages").items()}
    holder: dict[int, str] = {}
    for stage, versions in stages.items():
        rule = policy.stages.get(stage)
        if rule is None and document.is_full:
            document.count_unreported(1)
            continue
        if rule is None:
            hint = did_you_mean(stage, policy.stages, 0.5) or f"known: {', '.join(policy.stages)}"
            if stage == "None":
                hint = "leave the version out instead"
            document.add_problem_at(
                "stage-unknown", f"there is no stage {stage!r}; {hint}", ("stages", stage), key=True
            )
            continue
        if stage == "Archived" and kind_of(document) == "prompt":
            message = (
                "a prompt's stages are aliases, and there is none for Archived; leave the version"
                " out instead"
            )
            document.add_problem_at("stage-unknown", message, ("stages", stage), key=True)
            continue
        if rule.alias and len({version for _, version in versions}) > 1:
            message = f"{stage} is kept as the alias {rule.alias!r} and holds one version at most"
            document.add_problem_at("stage-one-version", message, ("stages", stage))
        for place, version in versions:
            if rule.native and (other := holder.setdefault(version, stage)) != stage:
                path = ("stages", stage, place)  # of a single version, its stage's
                document.add_problem_at(
                    "version-twice",
                    f"version {version} stands in {other} and in {stage}; it can hold one",
                    path,
                )
    kept = {alias.lower(): stage for alias, stage in policy.stage_aliases.items()}
    allowed = {version for stage in policy.alias_only or () for _, version in stages.get(stage, ())}
    for alias, target in _mapping(document.root, "aliases").items():
        if follows := kept.get(alias.lower()):
            message = f"the alias {alias!r} follows the stage {follows}; it is not set by hand"
            document.add_problem_at("alias-clash", message, ("aliases", alias), key=True)
        elif policy.alias_only is not None and type(target) is int and target not in allowed:
            message = (
                f"{alias!r} may only point at what holds {or_list(policy.alias_only)}; version"
                f" {target} does not"
            )
            document.add_problem_at("alias-not-allowed", message, ("aliases", alias))


def _mapping(root: object, field: str) -> Mapping[str, object]:
    """A field that should hold a mapping; empty where it does not, which is the schema's to report."""
    value = root.get(field) if isinstance(root, dict) else None
    return value if isinstance(value, dict) else {}


def _listed(value: object) -> list[tuple[int, int]]:
    """The versions of a stage as they stand there, each with its place in the list."""
    return [
        (i, item)
        for i, item in enumerate(value if isinstance(value, list) else [value])
        if type(item) is int
    ]
