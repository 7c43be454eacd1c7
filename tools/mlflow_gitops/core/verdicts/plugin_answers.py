"""What gates of other packages answer or raise, which may be anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import get_args

from mlflow_gitops.core.gates.gate import Finding, GateStatus
from mlflow_gitops.core.times import parse_time

_LONGEST_TEXT = 1_000


def short_text(error: BaseException) -> str:
    """An exception's text, shortened."""
    try:
        return str(error)[:_LONGEST_TEXT]
    except Exception:  # a class of another package may fail to describe itself
        return "(no text)"


def is_sound(finding: object) -> bool:
    """Whether another package's answer is a finding whose parts have the right types."""
    if not isinstance(finding, Finding) or finding.status not in get_args(GateStatus):
        return False
    texts = (finding.until, finding.needs)
    if not isinstance(finding.detail, str) or not all(
        t is None or isinstance(t, str) for t in texts
    ):
        return False
    if not _are_facts(finding.facts):
        return False
    try:
        return finding.until is None or parse_time(finding.until) is not None
    except ValueError:
        return False


def _are_facts(facts: object) -> bool:
    """Whether a receipt can hold these facts: short texts and finite numbers by name."""
    return isinstance(facts, Mapping) and all(
        isinstance(name, str)
        and (
            value is None
            or (isinstance(value, str) and len(value) <= _LONGEST_TEXT)
            or (isinstance(value, int | float) and math.isfinite(value))
        )
        for name, value in facts.items()
    )
