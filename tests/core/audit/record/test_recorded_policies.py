"""The policy that a receipt names is that of its commit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.record.recorded_policies import PolicyBlobs, policy_contradictions
from mlflow_gitops.core.history.mainline import MainLine

FIRST, SECOND = "a" * 40, "b" * 40
PATH = "registry/policy.yaml"
LINE = MainLine(
    ["0", "1", "2", "3", "4"],
    [(1, PATH, FIRST), (2, "registry/models/m.yaml", "c" * 40), (3, PATH, SECOND), (4, PATH, None)],
    {},
)


def reasons(commit: str, path: str = PATH, **content: Any) -> list[str]:
    receipt = Receipt(commit, json.dumps(content), content)
    policies = [PolicyBlobs(LINE, path)]
    return [c.reason for c in policy_contradictions([receipt], LINE.index, policies)]


@pytest.mark.parametrize(
    ("commit", "policy"),
    [("0", None), ("1", FIRST), ("2", FIRST), ("3", SECOND), ("4", None), ("4", "")],
)
def test_what_a_run_writes(commit: str, policy: str | None) -> None:
    assert reasons(commit, policy=policy) == []


@pytest.mark.parametrize(
    ("commit", "policy", "words"),
    [
        ("0", FIRST, "it names the policy aaaaaaaaaaaa, and 0 has no policy"),
        ("2", SECOND, "it names the policy bbbbbbbbbbbb, and 2 has the policy aaaaaaaaaaaa"),
        ("3", None, "it names no policy, and 3 has the policy bbbbbbbbbbbb"),
        ("4", 7, "it names no policy"),
    ],
)
def test_another_policy(commit: str, policy: object, words: str) -> None:
    [reason] = reasons(commit, policy=policy)
    assert words in reason


def test_what_is_not_known() -> None:
    """Formats before 3 name no policy; a commit beside the line is judged elsewhere; a link has no
    blob of its own."""
    assert reasons("3") == []
    assert reasons("z", policy=FIRST) == []
    line = MainLine(["0"], [(0, PATH, "link")], {})
    receipt = Receipt("0", "{}", {"policy": FIRST})
    assert not list(policy_contradictions([receipt], line.index, [PolicyBlobs(line, PATH)]))
