"""Compare two policies: which rules fall or rise, for which stages and models (RULES R9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.comparison.rule_direction import Direction, direction
from mlflow_gitops.core.manifests.names import NATIVE_STAGES, Kind
from mlflow_gitops.core.manifests.policy import Policy

Rule = tuple["str | None", str]
"""The stage that a rule is of, None if it is of no stage, and the rule's name."""

_GENERAL = ("metrics_from", "drift", "propose", "overrides", "freeze")
_IN_EVERY_FILE = ("accounts", "limits", "owners", "receipts")


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that another policy changes.

    `models` are the patterns of the exceptions that it is changed by, or `*`; `count` is the number
    of models in the registry that it is changed for. `before` and `after` are its settings as the
    files have them, None if there is none.
    """

    models: tuple[str, ...]
    count: int
    stage: str | None
    rule: str
    before: Any
    after: Any
    direction: Direction


@dataclass(frozen=True, slots=True)
class PolicyComparison:
    """The policy of a plan's target compared with the one that judges its changes. `before` and
    `after` are the commits that made them, None if they are not known. `missing` says what
    approvals the new one still needs, empty if it counts."""

    file: str
    before: str | None
    after: str | None
    changes: tuple[RuleChange, ...]
    missing: str = ""

    def count(self, direction: Direction) -> int:
        """How many rules change in this direction."""
        return sum(change.direction == direction for change in self.changes)


def compare_policies(
    before: Policy, after: Policy, models: Mapping[str, Kind]
) -> tuple[RuleChange, ...]:
    """Every rule that differs, loosened ones first. `models` are the models of the registry."""
    found: dict[tuple[Rule, str, str], RuleChange] = {}
    for labels, count, old, new in _groups(before, after, models):
        for rule in dict.fromkeys((*old, *new)):
            earlier, later = old.get(rule), new.get(rule)
            if earlier == later:
                continue
            key = rule, repr(earlier), repr(later)
            known = found.get(key)
            patterns = (*known.models, *labels) if known else labels
            found[key] = RuleChange(
                tuple(dict.fromkeys(patterns)),
                count + (known.count if known else 0),
                rule[0],
                rule[1],
                earlier,
                later,
                direction(rule[1], earlier, later),
            )
    order = ("loosened", "changed", "tightened")
    return tuple(sorted(found.values(), key=lambda change: order.index(change.direction)))


_Rules = Mapping[Rule, Any]


def _groups(
    before: Policy, after: Policy, models: Mapping[str, Kind]
) -> Iterator[tuple[tuple[str, ...], int, _Rules, _Rules]]:
    """Models that both policies treat alike: their patterns, their number, and their rules. Each
    exception is there once without models, so that one which matches none yet is shown."""
    counts: dict[tuple[tuple[int, ...], tuple[int, ...], Kind], int] = {((), (), "model"): 0}
    for pattern, kind in dict.fromkeys((*_patterns(before), *_patterns(after))):
        earlier, later = _exceptions_of(before, pattern), _exceptions_of(after, pattern)
        counts[earlier, later, kind or "model"] = 0
    for name, kind in models.items():
        group = before.matching_exceptions(name, kind), after.matching_exceptions(name, kind), kind
        counts[group] = counts.get(group, 0) + 1

    for (earlier, later, kind), count in counts.items():
        patterns = [before.raw["models"][index]["match"] for index in earlier]
        patterns += [after.raw["models"][index]["match"] for index in later]
        labels = tuple(dict.fromkeys(patterns)) or ("*",)
        yield labels, count, _rules(before, earlier, kind), _rules(after, later, kind)


def _patterns(policy: Policy) -> list[tuple[str, Kind | None]]:
    return [(entry["match"], entry.get("kind")) for entry in policy.raw.get("models") or ()]


def _exceptions_of(policy: Policy, pattern: str) -> tuple[int, ...]:
    entries = enumerate(policy.raw.get("models") or ())
    return tuple(index for index, entry in entries if entry["match"] == pattern)


def _rules(policy: Policy, exceptions: tuple[int, ...], kind: Kind) -> _Rules:
    """Every rule and its setting."""
    merged = policy.merged(exceptions)
    model = policy.with_exceptions(exceptions, kind)
    rules: dict[Rule, Any] = {(None, name): merged.get(name) for name in _GENERAL}
    rules |= {(None, name): policy.raw.get(name) for name in _IN_EVERY_FILE}
    rules[None, "aliases.only"] = list(model.alias_only) if model.alias_only is not None else None
    for alias, stage in model.alias_as.items():
        rules[None, f"aliases.{alias}.as"] = stage

    declared: Mapping[str, Any] = merged.get("stages") or {}
    for name, rule in model.stages.items():
        settings = declared.get(name) or {}
        required: Mapping[str, Any] = settings.get("require") or {}
        if name not in NATIVE_STAGES:
            rules[name, "stage"] = True
        rules[name, "protected"] = rule.protected
        rules[name, "alias"] = rule.alias
        rules[name, "health"] = settings.get("health")
        rules[name, "metrics_from"] = required.get("metrics_from") or settings.get("metrics_from")
        for gate in rule.gates.built_in:
            rules[name, gate] = settings.get(gate) or required.get(gate)
        for gate, value in rule.gates.plugins.items():
            rules[name, gate] = value if value is not None else {}
    return rules
