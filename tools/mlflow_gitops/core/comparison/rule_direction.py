"""Whether a rule of the policy is loosened or tightened by its new setting.

What cannot be compared is `changed`: such as another tag, or a metric in place of another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from mlflow_gitops.core.gates.files.checked import seconds
from mlflow_gitops.core.gates.max_size import MaxSize
from mlflow_gitops.core.times import parse_duration

Direction = Literal["loosened", "changed", "tightened"]

_REVERSED: Mapping[Direction, Direction] = {
    "loosened": "tightened",
    "tightened": "loosened",
    "changed": "changed",
}


def direction(rule: str, before: Any, after: Any) -> Direction:
    """The direction of a rule's change; None stands for a rule that is not there."""
    if rule in _ALLOWANCES:
        return _REVERSED[_more(_allowed(before), _allowed(after))]
    if rule in ("alias", "owners", "propose"):
        return "loosened" if rule == "alias" and after is None else "changed"
    if before is None or after is None:
        return "tightened" if before is None else "loosened"
    if rule in _AMOUNTS:
        return _by_amount(_AMOUNTS[rule], before, after)
    if rule in _LISTS_OF_WAYS:
        return _REVERSED[_more(set(before), set(after))]
    return _by_parts(before, after)


_ALLOWANCES = frozenset({"overrides", "metrics_from", "drift"})
"""Rules that allow something: the more they name, the looser they are."""
_LISTS_OF_WAYS = frozenset({"from", "aliases.only"})
"""Rules that name the ways that there are: a shorter list is tighter."""
_DEFAULTS = frozenset({"heal"})


def _allowed(value: Any) -> set[str]:
    values = value if isinstance(value, list) else [value]
    return {str(name) for name in values if name is not None and name not in _DEFAULTS}


def _more(before: Collection[str], after: Collection[str]) -> Direction:
    """Tightened if something is added and nothing taken away."""
    earlier, later = set(before), set(after)
    if earlier == later:
        return "changed"
    if earlier <= later:
        return "tightened"
    return "loosened" if later <= earlier else "changed"


_AMOUNTS: Mapping[str, Callable[[Any], Any]] = {
    "approvals": lambda value: value if isinstance(value, int) else None,
    "soak": parse_duration,
    "max_size": lambda value: -MaxSize(value).bytes,
    "protected": bool,
    "safe_files": bool,
}
"""For rules with an amount: what of a setting is larger if it asks for more."""


def _by_amount(amount: Callable[[Any], Any], before: Any, after: Any) -> Direction:
    earlier, later = amount(before), amount(after)
    if earlier is None or later is None:
        return _by_parts(before, after)
    if earlier == later:
        return "changed"
    return "tightened" if later > earlier else "loosened"


def _by_parts(before: Any, after: Any) -> Direction:
    """By the parts of two mappings; any other values are just different."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return "changed"
    directions = {
        _part(key, before.get(key), after.get(key))
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key)
    }
    return directions.pop() if len(directions) == 1 else "changed"


_HIGHER_IS_TIGHTER = frozenset({"min", "count", "minimum_samples"})
_LOWER_IS_TIGHTER = frozenset({"max", "percent", "floor", "tolerance", "failures"})


_LIMITS: Mapping[str, Callable[[str], Any]] = {
    "load": seconds,
    "latency_p95": seconds,
    "within": parse_duration,
    "memory": lambda text: MaxSize(text).bytes,
    "newer_than": parse_duration,
    "window": lambda text: -parse_duration(text),
}
"""For the limits of `checked` and `health`: what of a text is larger if it allows more."""


def _part(key: str, before: Any, after: Any) -> Direction:
    if before is None or after is None:
        return "tightened" if before is None else "loosened"
    if key in _HIGHER_IS_TIGHTER and _are_numbers(before, after):
        return "tightened" if after > before else "loosened"
    if key in _LOWER_IS_TIGHTER and _are_numbers(before, after):
        return "tightened" if after < before else "loosened"
    if key in _LIMITS and isinstance(before, str) and isinstance(after, str):
        return _by_limit(_LIMITS[key], before, after)
    return _by_parts(before, after)


def _by_limit(amount: Callable[[str], Any], before: str, after: str) -> Direction:
    try:
        earlier, later = amount(before), amount(after)
    except (KeyError, ValueError):  # a setting of another package's gate, with the same name
        return "changed"
    if earlier == later:
        return "changed"
    return "tightened" if later < earlier else "loosened"


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) for value in values)
