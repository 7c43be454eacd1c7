"""Checks of a manifest that its JSON schema cannot express: names, versions, pins, and what the
policy forbids (RULES R2).

Every check records problems in the document and returns nothing. A value of the wrong type is
skipped, because the schema check reports it; so one run reports everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from mlflow_gitops.core.manifests.names import (
    MAX_VERSION,
    Kind,
    alias_reserved,
    difference,
    file_stem,
    folded,
    is_reserved_tag,
    name_fault,
    tag_fault,
)
from mlflow_gitops.core.manifests.policy import ModelPolicy, StageRule
from mlflow_gitops.core.secrets import credentials_in
from mlflow_gitops.core.wording import did_you_mean, or_list
from mlflow_gitops.core.yaml.document import Document

_TEN_DIGITS = re.compile(r"[1-9][0-9]{9}\Z")
"""Version numbers that the schema accepts and that can be larger than MAX_VERSION."""

_MODEL_PINS = ("run_id", "source", "model_id", "dataset_digest", "data", "origin")

_WITHOUT_ALIAS = ", or let the policy keep no alias: {stage}: {{alias: null}} for this model"

_Specs = Mapping[str, Mapping[str, object]]
"""The entries under `versions` that are mappings, by version number."""


def kind_of(document: Document) -> Kind:
    """Whether a manifest, valid or not, is for a model or for a prompt."""
    root = document.root
    return "prompt" if isinstance(root, dict) and root.get("kind") == "prompt" else "model"


def check_manifest(document: Document) -> None:
    """Check a manifest by itself. The root of the document must be a mapping."""
    kind = kind_of(document)
    versions = _mapping(document.root, "versions")
    specs = {number: spec for number, spec in versions.items() if isinstance(spec, dict)}
    _check_name(document, kind)
    _check_former_names(document, kind)
    _check_aliases(document)
    _check_tag_names(document, kind, (), document.root)
    for number, spec in specs.items():
        _check_tag_names(document, kind, ("versions", number), spec)
    _check_version_numbers(document, versions)
    _check_stages(document)
    if kind == "prompt":
        _check_prompt_pins(document, specs)
    _check_sources(document, specs)


def _check_name(document: Document, kind: Kind) -> None:
    name = document.root.get("name")
    if not isinstance(name, str):
        return
    if fault := name_fault(name, kind):
        document.add_problem_at("name-refused", fault, ("name",))
        return

    stem = document.file.rpartition("/")[2].removesuffix(".yaml")
    expected = file_stem(name)
    if stem != expected:
        message = f"the {kind} {name!r} belongs in {expected}.yaml, not {stem}.yaml"
        document.add_problem_at("file-name", message, ("name",))


def _check_former_names(document: Document, kind: Kind) -> None:
    former_names = document.root.get("formerly")
    for index, former in enumerate(former_names if isinstance(former_names, list) else ()):
        if not isinstance(former, str):
            continue
        fault = name_fault(former, kind)
        if fault is None and former == document.root.get("name"):
            fault = "this is the present name of the model"
        if fault:
            document.add_problem_at("former-name", fault, ("formerly", index))


def _check_aliases(document: Document) -> None:
    names: dict[str, str] = {}
    for alias in _mapping(document.root, "aliases"):
        other_alias = names.setdefault(folded(alias), alias)
        if alias_reserved(alias):
            message = f"the alias {alias!r} is reserved by MLflow"
            document.add_problem_at("alias-reserved", message, ("aliases", alias), key=True)
        elif other_alias != alias:
            message = (
                f"the alias {alias!r} differs only in case from {other_alias!r}: some registries"
                " take both for one; keep one of them"
            )
            document.add_problem_at("alias-clash", message, ("aliases", alias), key=True)


def _check_tag_names(document: Document, kind: Kind, path: tuple[str, ...], tagged: object) -> None:
    keys: dict[str, str] = {}
    for key in _mapping(tagged, "tags"):
        other_key = keys.setdefault(folded(key), key)
        if other_key != key:
            message = (
                f"the tag {key!r} differs {difference(key, other_key)} from {other_key!r}: MLflow"
                " on MySQL, MariaDB or SQL Server takes both for one; keep one of them"
            )
            document.add_problem_at("tag-clash", message, (*path, "tags", key), key=True)
        if fault := tag_fault(key, kind):
            code = "tag-reserved" if is_reserved_tag(key, kind) else "bad-value"
            document.add_problem_at(code, fault, (*path, "tags", key), key=True)


def _check_version_numbers(document: Document, versions: Iterable[str]) -> None:
    for number in versions:
        if _TEN_DIGITS.match(number) and int(number) > MAX_VERSION:
            message = f"version {number} is larger than {MAX_VERSION}"
            document.add_problem_at("bad-value", message, ("versions", number), key=True)


def _check_stages(document: Document) -> None:
    """No stage lists a version twice. Whether two stages may share a version depends on the policy:
    see `check_policy`."""
    for stage, value in _mapping(document.root, "stages").items():
        checked: set[int] = set()
        unreported = 0
        for index, version in _indexed_versions(value):
            if version not in checked:
                checked.add(version)
            elif document.is_full:
                unreported += 1
            else:
                message = f"{stage} lists version {version} twice"
                document.add_problem_at("version-twice", message, ("stages", stage, index))
        if unreported:
            document.count_unreported(unreported)


def _check_prompt_pins(document: Document, specs: _Specs) -> None:
    """Prompts are identified by the digest of their text alone: they have no run and no files."""
    for number, spec in specs.items():
        for field in spec:
            if field in _MODEL_PINS:
                message = f"a prompt has no {field}; its text is pinned by digest"
                document.add_problem_at(
                    "pin-of-other-kind", message, ("versions", number, field), key=True
                )


def _check_sources(document: Document, specs: _Specs) -> None:
    """No source may carry credentials, which git would keep for ever."""
    for number, spec in specs.items():
        source = spec.get("source")
        found = credentials_in(source) if isinstance(source, str) else None
        if found is not None:
            message = (
                f"the source has {found}, and git would keep such credentials for ever. Replace"
                " them where they are valid, write the address without them, and give the secret"
                " to MLflow by its own variables (AWS_…, AZURE_…)"
            )
            document.add_problem_at("source-credentials", message, ("versions", number, "source"))


# -- the policy ---------------------------------------------------------------------------------


def check_policy(document: Document, policy: ModelPolicy) -> None:
    """Record what the policy forbids: unknown stages, versions in two native stages, aliases
    (RULES R2)."""
    stages = {
        stage: _indexed_versions(value)
        for stage, value in _mapping(document.root, "stages").items()
    }
    native_holder: dict[int, str] = {}
    for stage, versions in stages.items():
        rule = policy.stages.get(stage)
        if rule is None:
            _report_unknown_stage(document, stage, policy)
        elif stage == "Archived" and kind_of(document) == "prompt":
            message = (
                "the stages of a prompt are aliases, and Archived has none; remove the version"
                " instead"
            )
            document.add_problem_at("stage-unknown", message, ("stages", stage), key=True)
        else:
            _check_stage(document, rule, versions, native_holder)
    _check_declared_aliases(document, policy, stages)


def _report_unknown_stage(document: Document, stage: str, policy: ModelPolicy) -> None:
    if document.is_full:
        document.count_unreported(1)
        return
    hint = did_you_mean(stage, policy.stages, 0.5) or f"known: {', '.join(policy.stages)}"
    if stage == "None":
        hint = "remove the version instead"
    message = f"there is no stage {stage!r}; {hint}"
    document.add_problem_at("stage-unknown", message, ("stages", stage), key=True)


def _check_stage(
    document: Document,
    rule: StageRule,
    versions: Sequence[tuple[int, int]],
    native_holder: dict[int, str],
) -> None:
    """Check one stage of the policy. `native_holder` collects the native stage of each version."""
    stage = rule.name
    if rule.alias and len({version for _, version in versions}) > 1:
        message = f"{stage} is kept as the alias {rule.alias!r} and can hold only one version"
        hint = _WITHOUT_ALIAS.format(stage=stage) if rule.native else ""
        document.add_problem_at(
            "stage-one-version", f"{message}: keep one of them{hint}", ("stages", stage)
        )

    if not rule.native:
        return
    for index, version in versions:
        other_stage = native_holder.setdefault(version, stage)
        if other_stage != stage:
            message = f"version {version} is in {other_stage} and in {stage}, but can hold only one"
            document.add_problem_at("version-twice", message, ("stages", stage, index))


def _check_declared_aliases(
    document: Document, policy: ModelPolicy, stages: Mapping[str, Sequence[tuple[int, int]]]
) -> None:
    aliases = _mapping(document.root, "aliases")
    if not aliases:
        return

    stage_of_alias = {folded(alias): stage for alias, stage in policy.stage_aliases.items()}
    allowed = {version for stage in policy.alias_only or () for _, version in stages.get(stage, ())}
    for alias, version in aliases.items():
        stage = stage_of_alias.get(folded(alias))
        if stage is not None:
            message = f"the alias {alias!r} follows the stage {stage}; remove it from aliases"
            document.add_problem_at("alias-clash", message, ("aliases", alias), key=True)
        elif policy.alias_only is not None and type(version) is int and version not in allowed:
            message = (
                f"{alias!r} may only point at a version that holds {or_list(policy.alias_only)};"
                f" version {version} does not"
            )
            document.add_problem_at("alias-not-allowed", message, ("aliases", alias))


def _mapping(node: object, field: str) -> Mapping[str, object]:
    """A field that should be a mapping; empty if it is missing or has another type."""
    value = node.get(field) if isinstance(node, dict) else None
    return value if isinstance(value, dict) else {}


def _indexed_versions(value: object) -> list[tuple[int, int]]:
    """The versions of a stage in the order of the file, each with its index in the list."""
    entries = value if isinstance(value, list) else [value]
    return [(index, entry) for index, entry in enumerate(entries) if type(entry) is int]
