"""The optional parts of this package: which Python packages they bring, and how to install one."""

from __future__ import annotations

from importlib.util import find_spec

_EXTRA_OF = {
    "alembic": "sql",
    "apprise": "notify",
    "boto3": "s3",
    "botocore": "s3",
    "sklearn": "demo",
    "sqlalchemy": "sql",
}
"""The extra that brings each importable package."""


def has_extra(extra: str) -> bool:
    """Whether all packages of an extra are installed. None of them is imported."""
    return all(find_spec(name) for name, other in _EXTRA_OF.items() if other == extra)


def fix_for_missing(package: str) -> str:
    """What to do if a package, or a module of it, cannot be imported."""
    name = package.partition(".")[0]
    extra = _EXTRA_OF.get(name)
    if extra is not None:
        from mlflow_gitops.installation import install_command

        return f"Run: {install_command(extra)}"
    return f"Install it beside mlflow-gitops ({name})."
