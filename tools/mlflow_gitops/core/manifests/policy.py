"""The policy: the stages, what protects them, and what happens to drift, for each model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mlflow_gitops.core.gates.stage_gates import NO_GATES, StageGates, read_stage_gates
from mlflow_gitops.core.manifests.names import NATIVE_STAGES, Kind

if TYPE_CHECKING:
    from mlflow_gitops.core.health.rule import HealthRule
    from mlflow_gitops.core.manifests.restrictions import Freeze, Limit

Drift = Literal["heal", "report"]


class StageRule(NamedTuple):
    """The rule of one stage. `native` stages are MLflow's own; the others exist in MLflow only as
    their `alias`."""

    name: str
    alias: str | None
    native: bool
    protected: bool
    gates: StageGates = NO_GATES
    """The gates that a version must pass to get this stage."""
    health: HealthRule | None = None
    """How a version that holds the stage is watched; None if it is not."""


@dataclass(frozen=True, slots=True)
class ModelPolicy:
    """The policy for one model, with every matching exception merged in. `stages` is in display
    order: Production first."""

    stages: Mapping[str, StageRule]
    alias_only: tuple[str, ...] | None
    drift: Drift
    freeze: Freeze | None = None
    overrides: frozenset[str] = frozenset()
    """The names of the gates that a commit may override."""
    propose: str | None = None
    """The stage that `propose` suggests new versions for."""
    alias_as: Mapping[str, str] = field(default_factory=dict)
    """Plain alias to the stage whose gates it has (`aliases: {champion: {as: Production}}`)."""
    commit: str | None = field(default=None, compare=False)
    """The commit that made this policy, if it judges what a later commit makes of a model."""
    blob: str | None = field(default=None, compare=False)
    """The blob id of its file in that commit."""

    @property
    def stage_aliases(self) -> dict[str, str]:
        """Alias to the stage that it follows, for all stages with an alias."""
        return {rule.alias: rule.name for rule in self.stages.values() if rule.alias}

    @property
    def gated_aliases(self) -> dict[str, str]:
        """Alias, in lower case, to the stage whose gates it has."""
        aliases = {**self.alias_as, **self.stage_aliases}
        return {alias.lower(): stage for alias, stage in aliases.items()}


@dataclass(slots=True)
class Policy:
    """The policy file. Without a file: MLflow's own stages, with Production protected."""

    raw: Mapping[str, Any] = field(default_factory=dict)
    stageless: bool = False
    """Whether the registry has no stages (Unity Catalog), so that every stage becomes an alias
    (RULES R10)."""
    _rules: dict[tuple[Kind, tuple[int, ...]], ModelPolicy] = field(default_factory=dict)

    def matching_exceptions(self, model: str, kind: Kind = "model") -> tuple[int, ...]:
        """The indices of the exceptions that apply to a model or prompt, in order."""
        exceptions = self.raw.get("models")
        if not exceptions:  # a history asks this for each of its manifests
            return ()
        return tuple(
            index
            for index, entry in enumerate(exceptions)
            if matches(model, entry["match"]) and entry.get("kind") in (None, kind)
        )

    @property
    def limit(self) -> Limit | None:
        """The limit for one run; None if the policy sets none."""
        limit = (self.raw.get("limits") or {}).get("changed_models")
        if limit is None:
            return None
        from mlflow_gitops.core.manifests.restrictions import Limit  # few policies have one

        return Limit(**limit)

    @property
    def signed_receipts(self) -> bool:
        """Whether only signed receipts count."""
        return (self.raw.get("receipts") or {}).get("signed") is True

    @property
    def owners(self) -> tuple[str, ...]:
        """The platform team. It owns the policy and every file without an owner of its own."""
        return tuple(self.raw.get("owners") or ())

    def for_model(self, model: str, kind: Kind = "model") -> ModelPolicy:
        """The rules for one model or prompt. Models with the same exceptions share one value, so
        that this is cheap for thousands of models."""
        return self.with_exceptions(self.matching_exceptions(model, kind), kind)

    def with_exceptions(self, exceptions: tuple[int, ...], kind: Kind = "model") -> ModelPolicy:
        """The rules for models that these exceptions match, given by their indices."""
        if (kind, exceptions) not in self._rules:
            self._rules[kind, exceptions] = self._merged_rules(exceptions, kind)
        return self._rules[kind, exceptions]

    def merged(self, exceptions: tuple[int, ...]) -> Mapping[str, Any]:
        """The rules as the file has them, with these exceptions merged in."""
        merged = _general(self.raw)
        for index in exceptions:
            merged = _merge(merged, self.raw["models"][index])
        return merged

    def _merged_rules(self, exceptions: tuple[int, ...], kind: Kind) -> ModelPolicy:
        rules = _effective(self.merged(exceptions))

        # Prompts have aliases and no stages in MLflow (3.17): a service loads
        # `prompts:/name@alias`.
        return _as_aliases(rules) if self.stageless or kind == "prompt" else rules

    def without_stages(self) -> Policy:
        """The same policy for a registry that has no stages."""
        return Policy(self.raw, stageless=True)


def matches(name: str, glob: str) -> bool:
    """Whether a name matches a glob. Only `*` and `?` are wildcards, because names of models may
    contain brackets."""
    return fnmatchcase(name, glob.replace("[", "[[]"))


def _as_aliases(rules: ModelPolicy) -> ModelPolicy:
    """The rules with every stage as an alias, by default its lower-case name, except
    Archived."""
    stages = {
        rule.name: rule._replace(
            native=False, alias=rule.alias or rule.name.lower().replace(" ", "-")
        )
        for rule in rules.stages.values()
    }
    archived = rules.stages["Archived"]._replace(native=False, alias=None)
    return replace(rules, stages={**stages, "Archived": archived})


def _general(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The rules without the exceptions. Fields that are null are left out."""
    general: dict[str, Any] = _merge(
        {}, {key: value for key, value in raw.items() if key != "models"}
    )
    return general


def _merge(below: Any, above: Any) -> Any:
    """Merge mappings key by key: null removes a key, any other value replaces it (RULES R3)."""
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
    """The rules in a merged mapping. `match` and `kind` of an exception are ignored."""
    declared: Mapping[str, Mapping[str, Any]] = merged.get("stages") or {}
    custom = [name for name in declared if name not in NATIVE_STAGES]
    stages = {}
    for name in ("Production", "Staging", *custom, "Archived"):
        rule = {"metrics_from": merged.get("metrics_from"), **(declared.get(name) or {})}
        stages[name] = StageRule(
            name=name,
            alias=rule.get("alias"),
            native=rule.get("native", name in NATIVE_STAGES),
            protected=rule.get("protected", name == "Production"),
            gates=read_stage_gates(_with_health_of(rule, declared), name),
            health=_health(rule.get("health")),
        )
    freeze = merged.get("freeze")
    aliases: Mapping[str, Any] = merged.get("aliases") or {}
    only = aliases.get("only")
    return ModelPolicy(
        stages=stages,
        alias_only=tuple(only) if only is not None else None,
        drift=merged.get("drift") or "heal",
        freeze=read_freeze(freeze),
        overrides=frozenset(merged.get("overrides") or ()),
        propose=merged.get("propose"),
        alias_as={name: rule["as"] for name, rule in aliases.items() if name != "only"},
    )


def _with_health_of(
    rule: dict[str, Any], declared: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The rule, with what the gate `healthy_in` needs to know of the stage that it names."""
    watched = (rule.get("require") or {}).get("healthy_in")
    if watched is None:
        return rule
    return {**rule, "health_of": (declared.get(watched) or {}).get("health")}


def _health(fields: Mapping[str, Any] | None) -> HealthRule | None:
    if fields is None:
        return None
    from mlflow_gitops.core.health.rule import read_health_rule  # few policies have one

    return read_health_rule(fields)


def read_freeze(fields: Mapping[str, str] | None) -> Freeze | None:
    """The freeze that a rule's fields describe; None if there are none."""
    if not fields:
        return None
    from mlflow_gitops.core.manifests.restrictions import Freeze  # few policies have one

    return Freeze(**fields)
