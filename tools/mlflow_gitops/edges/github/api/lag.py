"""GitHub answers from copies that lag behind: for some seconds it may not know a branch that was
pushed, or the pull request that was merged. What lags is read again, a few times."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.settings import utc_now

_LONGEST = timedelta(minutes=2)
"""A commit that is older is not waited for."""

_Answer = TypeVar("_Answer")


def repeat(
    read: Callable[[], _Answer], is_behind: Callable[[_Answer], bool], pauses: Sequence[float]
) -> _Answer:
    """Read again after each of the pauses (seconds) while an answer is behind; return the last."""
    answer = read()
    for pause in pauses:
        if not is_behind(answer):
            return answer
        time.sleep(pause)
        answer = read()
    return answer


def may_lack_merge(commit: Commit) -> bool:
    """Whether GitHub may not associate a commit with its pull request yet: its message names one,
    and it is new. The message decides nothing but whether to ask again."""
    if commit.pull_request is None:
        return False
    return abs(utc_now() - parse_time(commit.at)) < _LONGEST


def is_unknown_head(error: Any) -> bool:
    """Whether a PyGithub exception says that GitHub does not know a pushed branch yet."""
    data = error.data if isinstance(error.data, dict) else {}
    faults = [fault for fault in data.get("errors") or () if isinstance(fault, dict)]
    return error.status == 422 and any(
        fault.get("field") in ("head", "head_sha") or "readable" in str(fault.get("message"))
        for fault in faults
    )
