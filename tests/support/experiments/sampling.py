"""How many cases of an experiment are tried: a sample, or all of them."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
SAMPLE = os.environ.get("MLFLOW_GITOPS_FAULTS", "1")
"""How often each experiment is tried in each case: a number, or `all`."""

ALL = SAMPLE == "all"
GROUP = "faults"
"""Of xdist: what one worker has for itself."""


def sample(of: Sequence[T], seed: str, share: int = 1) -> list[T]:
    """A sample, the same each time unless it is widened; `share` of them for each one that is asked
    for."""
    count = len(of) if ALL else min(len(of), int(SAMPLE) * share)
    return [of[i] for i in sorted(random.Random(seed).sample(range(len(of)), count))]


def case_params(names: Iterable[str], quick: Collection[str]) -> list[Any]:
    """Names as parameters; all but the quick ones belong to `make test-real`."""
    return [
        pytest.param(name, id=name, marks=() if name in quick else pytest.mark.real)
        for name in names
    ]


CountCases = Callable[[str, int], None]
