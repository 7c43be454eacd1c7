"""MLflow's timestamps: milliseconds since 1970."""

from __future__ import annotations

from datetime import datetime, timezone

from mlflow_gitops.core.times import format_datetime


def timestamp_text(milliseconds: int | None) -> str | None:
    """One of MLflow's timestamps, RFC 3339 in UTC; None for none, and for one outside the
    calendar."""
    if not milliseconds:
        return None
    try:
        at = datetime.fromtimestamp(int(milliseconds) // 1000, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None
    return format_datetime(at)
