"""A plugin of pytest for `make mutants`: quick tests first, and Hypothesis draws the same examples
in every run and shrinks none that fails."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "repeatable",
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A mutant is done with at the first test that fails: those that draw examples come last, real
    git after them."""
    items.sort(key=_cost)


def _cost(item: pytest.Item) -> tuple[bool, bool, str]:
    function = getattr(item, "obj", None)
    return (
        "tmp_path" in getattr(item, "fixturenames", ()),
        hasattr(function, "hypothesis"),
        item.nodeid,
    )
