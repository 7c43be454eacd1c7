"""Do values look like those that a model was made with? The population stability index (PSI).

The reference values are cut into ten groups of about one size; p is the share of them in a group, q
that of new values, and the index is the sum of (q - p) ln(q / p). 0 means that the shares are the
same; by the usual rule of thumb, above 0.25 they are not alike. It needs no labels, so it warns
before anybody knows whether answers are right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

LIMIT = 0.25


def reference(values: Iterable[float], groups: int = 10) -> dict[str, Any]:
    """What is kept of reference values: the edges between the groups, and how many are in each."""
    known = np.asarray(list(values), dtype=float)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, groups + 1)[1:-1]))
    return {"edges": edges.tolist(), "counts": _counts(edges, known).tolist()}


def psi(kept: dict[str, Any], values: Iterable[float]) -> float:
    """The index of values compared with a reference. A group that is empty counts as half a value,
    since the logarithm of nothing is infinite."""
    new = _counts(np.asarray(kept["edges"]), np.asarray(list(values), dtype=float))
    p, q = (
        np.maximum(counts, 0.5) / max(counts.sum(), 1)
        for counts in (np.asarray(kept["counts"]), new)
    )
    return float(((q - p) * np.log(q / p)).sum())


def _counts(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    groups = np.searchsorted(edges, values, side="right")
    return np.bincount(groups, minlength=len(edges) + 1)
