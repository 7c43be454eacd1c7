"""Two commits and a manifest path that the expected texts in tests/render/ name."""

from __future__ import annotations

from mlflow_gitops.core.history.mainline import Commit

FILE = "registry/models/fraud-detector.yaml"
PROMOTED = Commit(
    "3f2a9c1" + "0" * 33,
    "2026-01-02T00:00:00Z",
    "A Person <a@example.org>",
    "Promote 14: recall +1.2 pt (#128)",
)

BEFORE = Commit("1" * 40, "2026-01-01T00:00:00Z", "A Person <a@example.org>", "Start")
