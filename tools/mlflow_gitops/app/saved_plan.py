"""Saved plans: a plan file is carried out exactly as it was shown, or not at all (RULES R4).

The file is JSON: `core/plan/stored.py` gives the plan's own part, and this module adds `schema`
(the version of the format), `made_from` (the parts of the fingerprint), `selection` and `prune`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow_gitops.core.audit.untrusted_json import MAX_CHARACTERS, loads
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.core.plan.stored import stored_plan, stored_problem
from mlflow_gitops.core.wording import first_few
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.errors import REFUSED, Failure

SAVED_PLAN_SCHEMA = 1

_SHAPE = {
    "models": list,
    "made_from": dict,
    "selection": list,
    "prune": bool,
    "fingerprint": str,
}
"""The keys that every saved plan has, and their types."""

_MAY_DIFFER = (
    "commit",
    "base",
    "notes",
    "refusals",
    "applies",
    "gates",
    "deferred",
    "comparison",
)
"""What may differ between a saved plan and the same plan made again: commits, and what a gate, a
freeze or a limit decides by then. `comparison` is only in older files of this format."""

_MOST_NAMED = 5
_PLAN_AGAIN = "Plan again."
_MAKE_ONE = "Make one with plan --out."


class StalePlan(Failure):
    """Something that the saved plan was made from has changed, or the file was edited."""

    exit_code = REFUSED
    code = "stale_plan"


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan file: its path, for messages, and its content."""

    path: Path
    content: dict[str, Any]

    @property
    def selection(self) -> list[str]:
        """The models that it was made for; empty for all."""
        return list(self.content["selection"])

    @property
    def is_empty(self) -> bool:
        """Whether it is of a merge that changes no model."""
        return bool(self.content.get("onto")) and not self.content["models"]

    @property
    def other_models(self) -> int:
        """For a plan of a merge: how many models it leaves alone. They count for the limit."""
        others = self.content.get("others")
        return others if isinstance(others, int) else 0

    def errors_in(self, errors: Iterable[Problem]) -> list[Problem]:
        """Those of a commit's errors that the plan reported, too. Errors of other models are not
        the plan's."""
        reported = self.content.get("errors")
        if not isinstance(reported, list):
            return []
        return [error for error in errors if stored_problem(error) in reported]

    @property
    def prune(self) -> bool:
        return bool(self.content["prune"])

    def check(self, plan: Plan) -> None:
        """Raise StalePlan unless `plan`, made just now, is the saved one. The message names what
        changed."""
        changed = _changed_parts(self.content["made_from"], plan.fingerprint.parts)
        if changed:
            names = first_few([_part_name(part) for part in changed], _MOST_NAMED)
            raise StalePlan(
                f"The plan in {self.path} is out of date: {names} changed since it was made.",
                fix=_PLAN_AGAIN,
            )

        now = json.loads(json.dumps(stored_plan(plan)))
        if _what_it_does(self.content) != _what_it_does(now):
            raise StalePlan(
                f"The plan in {self.path} is not the one that follows from what it was made from.",
                fix=_PLAN_AGAIN,
            )


def save(plan: Plan, path: Path, selection: Sequence[str], prune: bool) -> None:
    """Write a plan to a file. Raises Failure if that is not possible."""
    content = {
        "schema": SAVED_PLAN_SCHEMA,
        **stored_plan(plan),
        "made_from": dict(plan.fingerprint.parts),
        # A plan of a merge is carried out for the models that the merge changes: the rest was not
        # planned.
        "selection": [model.model for model in plan.models] if plan.onto else list(selection),
        "prune": prune,
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"The plan could not be written to {path}: {error.strerror}.") from None


def load(path: Path) -> SavedPlan:
    """Read a plan file. Raises Failure if it is no plan, or one that cannot be carried out."""
    content = _read(path)
    if not _is_saved_plan(content):
        raise Failure(f"{path} is not a plan of this version of mlflow-gitops.", fix=_MAKE_ONE)

    if content.get("commit") is None:
        raise Failure(
            f"The plan in {path} is of an uncommitted working tree; only a commit can be"
            " reconciled."
        )
    return SavedPlan(path, content)


def _read(path: Path) -> Any:
    try:
        # Checked before opening: a pipe would be waited for, and a device has no end.
        if path.exists() and not path.is_file():
            raise Failure(f"The plan {path} cannot be read: it is not a regular file.")
        with open(path, encoding="utf-8") as stream:
            text = stream.read(MAX_CHARACTERS + 1)
        if len(text) > MAX_CHARACTERS:
            raise Failure(f"{path} is too large to be a plan.")
        return loads(text)
    except OSError as error:
        raise Failure(f"The plan {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise Failure(f"{path} is not a plan: it is not JSON.", fix=_MAKE_ONE) from None


def _is_saved_plan(content: Any) -> bool:
    if not isinstance(content, dict) or content.get("schema") != SAVED_PLAN_SCHEMA:
        return False
    if not all(isinstance(content.get(key), kind) for key, kind in _SHAPE.items()):
        return False
    return all(isinstance(name, str) for name in content["selection"])


def _changed_parts(before: Mapping[str, Any], now: Mapping[str, str]) -> list[str]:
    """The parts of the fingerprint that differ."""
    return sorted(part for part in before.keys() | now.keys() if before.get(part) != now.get(part))


def _part_name(part: str) -> str:
    """A part of the fingerprint, for people."""
    if part.startswith("model "):
        return f"{part.removeprefix('model ')} in MLflow"
    names = {
        "files": "the manifests or the policy",
        "registry": "the registry's address",
        "owner": "the owner",
    }
    return names.get(part, f"{part[:80]!r}, which is no part of a plan,")


def _what_it_does(content: Mapping[str, Any]) -> list[Any]:
    """What a plan would do, without the commits: a plan made in a pull request holds for the merge
    of the same tree."""
    return [_without_what_may_differ(model) for model in content["models"]]


def _without_what_may_differ(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_what_may_differ(part)
            for key, part in value.items()
            if key not in _MAY_DIFFER
        }
    if isinstance(value, list):
        return [_without_what_may_differ(part) for part in value]
    return value
