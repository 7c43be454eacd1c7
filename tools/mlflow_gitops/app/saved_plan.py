"""Saved plans: what was shown is what is carried out, or nothing is (RULES R4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow_gitops.core.audit.untrusted_json import MAX_CHARACTERS, loads
from mlflow_gitops.core.plan.plan import Plan
from mlflow_gitops.errors import REFUSED, Failure
from mlflow_gitops.render.plan.json import PLAN_SCHEMA, plan_data

_OF_THE_MOMENT = (
    "commit",
    "base",
    "notes",
    "refusals",
    "applies",
    "gates",
    "deferred",
    "comparison",
)
"""What may differ between a plan and the same plan made again: its commits, what gates, a freeze or
a limit say by then, and comparisons, which reconcile does not make."""


class StalePlan(Failure):
    """Something that the saved plan was made from has moved, or the file was edited."""

    exit_code = REFUSED


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan file: its path for messages, and what it says."""

    path: Path
    content: dict[str, Any]

    @property
    def selection(self) -> list[str]:
        """The models it was made for; empty for all."""
        return list(self.content["selection"])

    @property
    def is_nothing(self) -> bool:
        """Whether it is of a merge that changes no model."""
        return bool(self.content.get("onto")) and not self.content["models"]

    @property
    def others(self) -> int:
        """Of a plan for a merge: how many models it leaves alone, which counts for the limit."""
        others = self.content.get("others")
        return others if isinstance(others, int) else 0

    @property
    def prune(self) -> bool:
        return bool(self.content["prune"])

    def check(self, plan: Plan) -> None:
        """Raise StalePlan unless `plan`, made just now, is the saved one. What moved is named."""
        then, now = self.content["made_from"], dict(plan.fingerprint.parts)
        if moved := sorted(
            part for part in then.keys() | now.keys() if then.get(part) != now.get(part)
        ):
            what = ", ".join(_named(part) for part in moved[:5]) + (" …" if len(moved) > 5 else "")
            raise StalePlan(
                f"The plan in {self.path} no longer holds: {what} moved since it was made. Plan"
                " again."
            )
        if _essence(self.content) != _essence(_plain(plan_data(plan))):
            raise StalePlan(
                f"The plan in {self.path} is not the one that follows from what it was made from."
                " Plan again."
            )


def save(plan: Plan, path: Path, selection: Sequence[str], prune: bool) -> None:
    """Write a plan to a file. Raises Failure where that cannot be done."""
    content = {
        **plan_data(plan),
        "made_from": dict(plan.fingerprint.parts),
        # What a merge changes is carried out alone: the rest was not looked at.
        "selection": [model.model for model in plan.models] if plan.onto else list(selection),
        "prune": prune,
    }
    try:
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise Failure(f"The plan could not be written to {path}: {error.strerror}.") from None


def load(path: Path) -> SavedPlan:
    """Read a plan file. Raises Failure if it is none, or one that cannot be carried out."""
    try:
        # Before it is opened: a pipe would be waited for, and a device has no end.
        if path.exists() and not path.is_file():
            raise Failure(f"The plan {path} cannot be read: it is no plain file.")
        with open(path, encoding="utf-8") as stream:
            text = stream.read(MAX_CHARACTERS + 1)
        if len(text) > MAX_CHARACTERS:
            raise Failure(f"{path} is too large to be a plan.")
        content = loads(text)
    except OSError as error:
        raise Failure(f"The plan {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise Failure(f"{path} is not a plan: it is not JSON. Make one with plan --out.") from None
    shape = {
        "models": list,
        "made_from": dict,
        "selection": list,
        "prune": bool,
        "fingerprint": str,
    }
    known = isinstance(content, dict) and content.get("schema") == PLAN_SCHEMA
    if known:
        known = all(isinstance(content.get(key), kind) for key, kind in shape.items())
    if not known or not all(isinstance(name, str) for name in content["selection"]):
        raise Failure(
            f"{path} is not a plan of this version of mlflow-gitops. Make one with plan --out."
        )
    if content.get("commit") is None:
        raise Failure(
            f"The plan in {path} is of an uncommitted working tree; only a commit can be"
            " reconciled."
        )
    return SavedPlan(path, content)


def _named(part: str) -> str:
    if part.startswith("model "):
        return f"{part.removeprefix('model ')} in MLflow"
    named = {
        "files": "the manifests or the policy",
        "registry": "the registry's address",
        "owner": "the owner",
    }
    return named.get(part, f"{part[:80]!r}, which is no part of a plan,")


def _essence(content: dict[str, Any]) -> list[Any]:
    """What a plan would do, without the commits: a plan made in a pull request holds for the merge
    of the same tree."""
    return [_without_commits(model) for model in content["models"]]


def _without_commits(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_commits(one) for key, one in value.items() if key not in _OF_THE_MOMENT
        }
    return [_without_commits(one) for one in value] if isinstance(value, list) else value


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain
