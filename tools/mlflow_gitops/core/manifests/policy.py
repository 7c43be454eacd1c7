"""The policy: stages, what protects them, and what happens to drift, as values for each model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from mlflow_gitops.core.gates.stage_gates import NO_GATES, StageGates, find_faults, read_stage_gates
from mlflow_gitops.core.gates.table import GATE_NAMES
from mlflow_gitops.core.manifests.names import NATIVE_STAGES, Kind, alias_reserved
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.core.yaml import schema_check
from mlflow_gitops.core.yaml.document import Document, parse
from mlflow_gitops.core.yaml.problems import Problem

Drift = Literal["heal", "report"]


@dataclass(frozen=True, slots=True)
class StageRule:
    """One stage's rule. `native` stages are MLflow's own; the others live as their `alias` alone."""

    name: str
    alias: str | None
    native: bool
    protected: bool
    gates: StageGates = NO_GATES


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which nothing that git asks for is reconciled, except rollbacks. `until` is as the
    policy writes it."""

    reason: str
    until: str

    def is_active(self, now: str) -> bool:
        """Whether it still holds at `now`, RFC 3339. A day without a time is frozen to its end,
        UTC."""
        until = self.until if len(self.until) > 10 else f"{self.until}T23:59:59.999999Z"
        return parse_time(now) <= parse_time(until)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many models one run may change: the larger of a number and a share of those looked at."""

    percent: float = 0
    floor: int = 0

    def max_changes(self, models: int) -> int:
        """The number of models that may change among so many."""
        return max(self.floor, int(models * self.percent / 100))


@dataclass(frozen=True, slots=True)
class ModelPolicy:
    """The policy as it holds for one model, every exception merged in. `stages` is in display
    order: Production first."""

    stages: Mapping[str, StageRule]
    alias_only: tuple[str, ...] | None
    drift: Drift
    freeze: Freeze | None = None
    overrides: frozenset[str] = frozenset()
    """The gates that a commit may override."""
    propose: str | None = None
    """The stage that new versions are proposed for."""

    @property
    def stage_aliases(self) -> dict[str, str]:
        """Alias to the stage that it follows."""
        return {rule.alias: rule.name for rule in self.stages.values() if rule.alias}


@dataclass(slots=True)
class Policy:
    """The policy file, or MLflow's four stages with Production protected where there is none."""

    raw: Mapping[str, Any] = field(default_factory=dict)
    stageless: bool = False
    """Whether the registry it is for keeps no stages (Unity Catalog): then every stage lives as an
    alias (RULES R10)."""
    _known: dict[tuple[Kind, tuple[int, ...]], ModelPolicy] = field(default_factory=dict)

    def matching_exceptions(self, model: str, kind: Kind = "model") -> tuple[int, ...]:
        """The indices of the exceptions that hold for a model or a prompt, in order."""
        entries = enumerate(self.raw.get("models") or ())
        # `*` and `?` alone are patterns; a name may well have brackets.
        return tuple(
            i
            for i, entry in entries
            if fnmatchcase(model, entry["match"].replace("[", "[[]"))
            and entry.get("kind") in (None, kind)
        )

    @property
    def limit(self) -> Limit | None:
        """The limit on one run; None where the policy sets none."""
        known = (self.raw.get("limits") or {}).get("changed_models")
        return Limit(**known) if known is not None else None

    @property
    def owners(self) -> tuple[str, ...]:
        """The platform team: who owns the policy, and whatever names no owner of its own."""
        return tuple(self.raw.get("owners") or ())

    def for_model(self, model: str, kind: Kind = "model") -> ModelPolicy:
        """The rules for one model, or one prompt. Cheap: those that share their exceptions share
        the value."""
        which = self.matching_exceptions(model, kind)
        if (kind, which) not in self._known:
            merged = _general(self.raw)
            for i in which:
                merged = _merge(merged, self.raw["models"][i])
            rules = _effective(merged)
            # MLflow's prompts know aliases and no stages (3.17): `prompts:/name@alias` is what a
            # service loads.
            self._known[kind, which] = (
                _as_aliases(rules) if self.stageless or kind == "prompt" else rules
            )
        return self._known[kind, which]

    def without_stages(self) -> Policy:
        """The same policy for a registry that keeps no stages."""
        return Policy(self.raw, stageless=True)


def _as_aliases(rules: ModelPolicy) -> ModelPolicy:
    """Every stage as an alias, by default its lower-case name. Archived has no meaning there."""
    stages = {
        rule.name: replace(
            rule, native=False, alias=rule.alias or rule.name.lower().replace(" ", "-")
        )
        for rule in rules.stages.values()
    }
    archived = replace(rules.stages["Archived"], native=False, alias=None)
    return replace(rules, stages={**stages, "Archived": archived})


def _general(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The rules without the exceptions; null is as if it were not there."""
    general: dict[str, Any] = _merge(
        {}, {key: value for key, value in raw.items() if key != "models"}
    )
    return general


def _merge(below: Any, above: Any) -> Any:
    """Merge mappings key by key; null removes, anything else replaces (RULES R3)."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key, {} if isinstance(value, Mapping) else None), value)
    return merged


def _effective(merged: Mapping[str, Any]) -> ModelPolicy:
    """The rules that merged mappings come to. Whom an exception holds for is no rule, and not read."""
    declared: Mapping[str, Mapping[str, Any]] = merged.get("stages") or {}
    own = [name for name in declared if name not in NATIVE_STAGES]
    stages = {}
    for name in ("Production", "Staging", *own, "Archived"):
        rule = declared.get(name) or {}
        stages[name] = StageRule(
            name=name,
            alias=rule.get("alias"),
            native=rule.get("native", name in NATIVE_STAGES),
            protected=rule.get("protected", name == "Production"),
            gates=read_stage_gates(rule),
        )
    freeze = merged.get("freeze")
    only = (merged.get("aliases") or {}).get("only")
    return ModelPolicy(
        stages=stages,
        alias_only=tuple(only) if only is not None else None,
        drift=merged.get("drift") or "heal",
        freeze=Freeze(**freeze) if freeze else None,
        overrides=frozenset(merged.get("overrides") or ()),
        propose=merged.get("propose"),
    )


def read_policy(data: bytes, file: str) -> tuple[Policy | None, list[Problem]]:
    """Parse and check a policy file; None if it cannot be used."""
    document = parse(data, file)
    if document.root is not None or not document.problems:
        schema_check.check(document, "policy")
    if document.problems:
        return None, document.problems
    _check_freezes(document)
    policy = Policy(document.root)
    general = _general(policy.raw)
    _check_rules(document, _effective(general), ())
    for i, entry in enumerate(policy.raw.get("models") or ()):
        # Each exception alone over the general rules; combinations are met when a model has them.
        alone = _effective(_merge(general, entry))
        _check_rules(document, alone, ("models", i))
    return (None if document.problems else policy), document.problems


def _check_freezes(document: Document) -> None:
    """The schema knows the form of a time, not that February has no day 30."""
    root = document.root
    freezes: list[tuple[tuple[str | int, ...], Any]] = [(("freeze",), root.get("freeze"))]
    freezes += [
        (("models", i, "freeze"), entry.get("freeze"))
        for i, entry in enumerate(root.get("models") or ())
    ]
    for path, freeze in freezes:
        try:
            if freeze:
                parse_time(Freeze(**freeze).until)
        except ValueError:
            document.add_problem_at(
                "bad-value", f"there is no such time as {freeze['until']}", (*path, "until")
            )


def rule_faults(rules: ModelPolicy) -> list[tuple[tuple[str, ...], str, str]]:
    """What is wrong with a set of rules: (path below the rules, code, message)."""
    faults: list[tuple[tuple[str, ...], str, str]] = []
    aliases: dict[str, str] = {}
    names = {"none": "None"}
    for rule in sorted(rules.stages.values(), key=lambda rule: rule.name not in NATIVE_STAGES):
        here = ("stages", rule.name)
        twin = names.setdefault(rule.name.lower(), rule.name)
        if twin == "None" or twin != rule.name:
            other = (
                "MLflow's word for no stage" if twin == "None" else f"the stage {twin} but for case"
            )
            faults.append(
                (here, "stage-clash", f"a stage cannot be called {rule.name}: that is {other}")
            )
        if rule.native and rule.name not in NATIVE_STAGES:
            faults.append(
                (here, "stage-not-native", f"MLflow has no stage {rule.name}; write native: false")
            )
        if not rule.native and not rule.alias:
            faults.append(
                (
                    here,
                    "stage-needs-alias",
                    f"{rule.name} is kept as an alias alone and needs one: alias: …",
                )
            )
        for path, code, message in find_faults(rule.name, rule.gates, rules.stages):
            faults.append(((*here, *path), code, message))
        if not rule.alias:
            continue
        if alias_reserved(rule.alias):
            faults.append(
                (
                    (*here, "alias"),
                    "alias-reserved",
                    f"MLflow keeps the alias {rule.alias!r} for itself",
                )
            )
        holder = aliases.setdefault(rule.alias.lower(), rule.name)
        if holder != rule.name:
            faults.append(
                (
                    (*here, "alias"),
                    "alias-clash",
                    f"{rule.name} and {holder} cannot share the alias {rule.alias!r}",
                )
            )
    for name in rules.alias_only or ():
        if name not in rules.stages:
            message = f"aliases.only names the stage {name!r}, which the policy lacks"
            faults.append((("aliases", "only", name), "stage-unknown", message))
    if rules.propose is not None and rules.propose not in rules.stages:
        message = f"propose names the stage {rules.propose!r}, which the policy lacks"
        faults.append((("propose", rules.propose), "stage-unknown", message))
    elif rules.propose == "Archived":
        faults.append(
            (("propose", rules.propose), "bad-value", "a new version is not proposed for Archived")
        )
    gates = {*GATE_NAMES, *(name for rule in rules.stages.values() for name in rule.gates.plugins)}
    for name in sorted(rules.overrides - gates):
        faults.append(
            (
                ("overrides", name),
                "gate-unknown",
                f"there is no gate {name!r}; there are {', '.join(GATE_NAMES)}",
            )
        )
    return faults


def _check_rules(document: Document, rules: ModelPolicy, above: tuple[str | int, ...]) -> None:
    for below, code, message in rule_faults(rules):
        told = any(
            problem.code == code and problem.message == message for problem in document.problems
        )
        if not told:
            document.add_problem_at(code, message, (*above, *below), key=True)
