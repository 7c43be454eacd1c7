"""Who may bypass the protection of a branch. Rulesets and the classic rule each have their own
exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlflow_gitops.edges.github.protection import is_enabled, strictest

_NAMES = {"users": ("user", "login"), "teams": ("team", "slug"), "apps": ("app", "slug")}
"""The kinds of a classic rule's exceptions, and the field that names each."""


def ruleset_actors(ruleset: Mapping[str, Any]) -> Iterator[str]:
    """Who may bypass a ruleset."""
    for actor in ruleset["bypass_actors"] or ():
        kind = str(actor.get("actor_type") or "somebody")
        yield f"{kind} {actor['actor_id']}" if actor.get("actor_id") else kind


def classic_actors(classic: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Who may bypass what the classic rule alone requires. What a ruleset requires as well holds
    for them, too."""
    if not classic or strictest(rules, None) == strictest(rules, classic):
        return
    if not is_enabled(classic, "enforce_admins"):
        yield "administrators"
    reviews = classic.get("required_pull_request_reviews") or {}
    allowances = reviews.get("bypass_pull_request_allowances") or {}
    for kind, (noun, field) in _NAMES.items():
        for actor in allowances.get(kind) or ():
            yield f"{noun} {actor.get(field) or actor.get('id')}"
