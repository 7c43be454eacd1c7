"""Reads the policy file, with the checks that its JSON schema cannot express: dates, names, aliases
and references to stages and gates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlflow_gitops.core.gates.stage_gates import find_faults
from mlflow_gitops.core.gates.table import GATE_NAMES
from mlflow_gitops.core.manifests.names import NATIVE_STAGES, alias_reserved, folded
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy, StageRule, read_freeze
from mlflow_gitops.core.yaml import schema_check
from mlflow_gitops.core.yaml.document import Document, parse
from mlflow_gitops.core.yaml.problems import Problem

Fault = tuple[tuple[str, ...], str, str]
"""What is wrong with a set of rules: the path below the rules, the code, and the message."""


def read_policy(data: bytes, file: str) -> tuple[Policy | None, list[Problem]]:
    """Parse and check a policy file. Returns the policy and its problems."""
    document = parse(data, file)
    if document.root is not None or not document.problems:
        schema_check.check(document, "policy")
    if document.problems:
        return None, document.problems
    _check_freezes(document)
    _check_accounts(document)
    policy = Policy(document.root)
    _check_rules(document, policy.with_exceptions(()), ())
    for index in range(len(policy.raw.get("models") or ())):
        # Each exception is checked by itself here. Combinations of exceptions are checked when a
        # model matches several of them (core/manifests/snapshot.py).
        _check_rules(document, policy.with_exceptions((index,)), ("models", index))
    return (None if document.problems else policy), document.problems


def _check_freezes(document: Document) -> None:
    """The schema checks the form of a time, but accepts February 30."""
    root = document.root
    freezes: list[tuple[tuple[str | int, ...], Any]] = [(("freeze",), root.get("freeze"))]
    for index, entry in enumerate(root.get("models") or ()):
        freezes.append((("models", index, "freeze"), entry.get("freeze")))

    for path, freeze in freezes:
        value = read_freeze(freeze)
        if value is None:
            continue
        try:
            _ = value.end
        except ValueError:
            message = f"{freeze['until']} is not a valid date or time"
            document.add_problem_at("bad-value", message, (*path, "until"))


def _check_accounts(document: Document) -> None:
    """No user of MLflow's is for two things: the larger right would be the one that counts."""
    accounts = document.root.get("accounts") or {}
    purposes: dict[str, str] = {}
    if "reconciler" in accounts:
        purposes[accounts["reconciler"]] = "the reconciler"
    for field, purpose in (("trainers", "a trainer"), ("readers", "a reader")):
        for user in accounts.get(field) or ():
            other = purposes.setdefault(user, purpose)
            if other != purpose:
                message = f"{user!r} is {other} and {purpose}: give each an account of its own"
                document.add_problem_at("account-clash", message, ("accounts", field))


def _check_rules(document: Document, rules: ModelPolicy, path: tuple[str | int, ...]) -> None:
    """Record the faults of a set of rules at `path`. An exception repeats faults of the general
    rules; these are recorded once."""
    for below, code, message in rule_faults(rules):
        recorded = ((problem.code, problem.message) for problem in document.problems)
        if (code, message) not in recorded:
            document.add_problem_at(code, message, (*path, *below), key=True)


def rule_faults(rules: ModelPolicy) -> list[Fault]:
    """Everything that is wrong with a set of rules."""
    # MLflow's own stages first, so that a clash is reported for the other stage.
    in_order = sorted(rules.stages.values(), key=lambda rule: rule.name not in NATIVE_STAGES)
    names = {"none": "None"}
    aliases: dict[str, str] = {}
    faults: list[Fault] = []
    for rule in in_order:
        path = ("stages", rule.name)
        faults += _name_faults(rule, names)
        for below, code, message in find_faults(rule.name, rule.gates, rules.stages):
            faults.append(((*path, *below), code, message))
        for below, code, message in _health_faults(rule):
            faults.append(((*path, "health", *below), code, message))
        faults += _alias_faults(rule, aliases)
    return [*faults, *_reference_faults(rules)]


def _health_faults(rule: StageRule) -> Iterator[Fault]:
    if rule.health is not None:
        from mlflow_gitops.core.health.rule_faults import health_faults  # few policies have one

        yield from health_faults(rule.health, rule.name)


def _name_faults(rule: StageRule, names: dict[str, str]) -> Iterator[Fault]:
    """Faults of a stage's name and kind. `names` collects the names as `folded` returns it."""
    path = ("stages", rule.name)
    other_stage = names.setdefault(folded(rule.name), rule.name)
    if other_stage == "None":
        message = f"{rule.name!r} cannot be a stage: MLflow uses it for versions without a stage"
        yield path, "stage-clash", message
    elif other_stage != rule.name:
        message = f"the name {rule.name} differs only in case from the stage {other_stage}"
        yield path, "stage-clash", message

    if rule.native and rule.name not in NATIVE_STAGES:
        yield path, "stage-not-native", f"MLflow has no stage {rule.name}; set native: false"
    if not rule.native and not rule.alias:
        message = f"{rule.name} is not one of MLflow's stages and needs an alias: set alias: …"
        yield path, "stage-needs-alias", message


def _alias_faults(rule: StageRule, aliases: dict[str, str]) -> Iterator[Fault]:
    """Faults of a stage's alias. `aliases` collects the stages by `folded` aliases."""
    if not rule.alias:
        return
    path = ("stages", rule.name, "alias")
    if alias_reserved(rule.alias):
        yield path, "alias-reserved", f"the alias {rule.alias!r} is reserved by MLflow"
    other_stage = aliases.setdefault(folded(rule.alias), rule.name)
    if other_stage != rule.name:
        message = f"{rule.name} and {other_stage} cannot share the alias {rule.alias!r}"
        yield path, "alias-clash", message


def _reference_faults(rules: ModelPolicy) -> Iterator[Fault]:
    """Faults of the fields that name stages or gates."""
    yield from _gated_alias_faults(rules)
    for name in rules.alias_only or ():
        if name not in rules.stages:
            message = f"aliases.only names the stage {name!r}, which is not in the policy"
            yield ("aliases", "only", name), "stage-unknown", message

    if rules.propose is not None and rules.propose not in rules.stages:
        message = f"propose names the stage {rules.propose!r}, which is not in the policy"
        yield ("propose", rules.propose), "stage-unknown", message
    elif rules.propose == "Archived":
        message = "new versions cannot be proposed for Archived"
        yield ("propose", rules.propose), "bad-value", message

    gates = {*GATE_NAMES, *(name for rule in rules.stages.values() for name in rule.gates.plugins)}
    for name in sorted(rules.overrides - gates):
        message = f"there is no gate {name!r}; the gates are {', '.join(GATE_NAMES)}"
        yield ("overrides", name), "gate-unknown", message


def _gated_alias_faults(rules: ModelPolicy) -> Iterator[Fault]:
    """Faults of the plain aliases that have a stage's gates."""
    stage_aliases = {folded(alias): stage for alias, stage in rules.stage_aliases.items()}
    names: dict[str, str] = {}
    for alias, stage in rules.alias_as.items():
        path = ("aliases", alias)
        if alias_reserved(alias):
            yield path, "alias-reserved", f"the alias {alias!r} is reserved by MLflow"
        if stage not in rules.stages:
            message = f"aliases.{alias}.as names the stage {stage!r}, which is not in the policy"
            yield (*path, "as"), "stage-unknown", message
        if folded(alias) in stage_aliases:
            owner = stage_aliases[folded(alias)]
            message = f"{alias!r} is the alias of the stage {owner}, whose gates it has already"
            yield path, "alias-clash", message
        other = names.setdefault(folded(alias), alias)
        if other != alias:
            yield path, "alias-clash", f"the aliases {other!r} and {alias!r} differ only in case"
