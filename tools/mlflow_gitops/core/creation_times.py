"""When a run can have made a model in MLflow, by its receipt (RULES R3, R6)."""

from __future__ import annotations

from datetime import datetime, timedelta

from mlflow_gitops.core.times import parse_time

SKEW = timedelta(minutes=15)
"""How much the clocks of MLflow and of the machine that wrote a receipt may differ."""

_LONGEST_RUN = timedelta(hours=6)
"""CI systems allow no longer runs. A receipt may claim any beginning."""


def earliest_creation(began: str | None, at: str) -> datetime:
    """The earliest time at which a run can have made a model, by when its receipt says that it
    began, None if it does not say, and when the receipt was written. Both are RFC 3339."""
    earliest = parse_time(at) - _LONGEST_RUN
    return max(parse_time(began), earliest) - SKEW if began else earliest
