"""Which version holds a stage, in the forms that scripts and deployments read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mlflow_gitops.core.observed.resolved import Resolved
from mlflow_gitops.render.terminal import json_document, safe


def text(resolved: Resolved) -> Iterator[str]:
    """One fact a line."""
    for name, value in _facts(resolved).items():
        yield f"{name:<8} {safe(str(value)) if value is not None else '—'}"


def json(resolved: Resolved) -> Iterator[str]:
    """One JSON document (DESIGN §5)."""
    return json_document(_facts(resolved))


def env(resolved: Resolved) -> Iterator[str]:
    """Assignments that a shell, `docker --env-file` or `$GITHUB_ENV` takes. What is unknown is
    empty."""
    for name, value in _facts(resolved).items():
        variable = "MODEL_NAME" if name == "model" else f"MODEL_{name.upper()}"
        content = "" if value is None else str(value)
        yield f"{variable}={shlex.quote(content) if content else ''}"


def yaml(resolved: Resolved) -> Iterator[str]:
    """One YAML document."""
    import yaml as library

    document: str = library.safe_dump(_facts(resolved), sort_keys=False, allow_unicode=True)
    yield from document.splitlines()


def _facts(resolved: Resolved) -> dict[str, Any]:
    """The facts by name. What is not known is None: of a version that was named by its number, git
    says neither a stage nor a commit."""
    return {name: value if value != "" else None for name, value in asdict(resolved).items()}
