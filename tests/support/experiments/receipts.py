"""The receipts that a repository keeps."""

from __future__ import annotations

from pathlib import Path

from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.edges.git.repository import Git


def receipts_in(repo: Path) -> list[Receipt]:
    """Every receipt in the repository's notes, in the order of their chain."""
    return Notes.of_repository(Git(repo)).receipts()
