"""Whether the person who signed is the one whom a commit or a receipt names (RULES R6)."""

from __future__ import annotations

from fnmatch import fnmatchcase

from mlflow_gitops.core.history.people import person


def names_person(principal: str, claimed: str) -> bool:
    """Whether a principal of `allowed_signers` stands for a person, `Name <email>` or `@login`. A
    principal may be an address, a login, or several patterns with commas, as ssh-keygen(1) has
    them."""
    address = claimed.rpartition("<")[2].rstrip(">").strip().lower()
    login = person(claimed).lower()
    return any(
        fnmatchcase(address, pattern)
        or (login.startswith("@") and pattern.lstrip("@") == login[1:])
        for pattern in (part.strip().lower() for part in principal.split(","))
        if pattern
    )
