"""What GitHub does with workflows, as values."""

from __future__ import annotations

from dataclasses import dataclass

ACTIONS_APP = 15368
"""The id of the app GitHub Actions on GitHub.com."""


@dataclass(frozen=True, slots=True)
class ForkWorkflows:
    """What a private repository lets the pull requests of forks do."""

    run: bool
    get_secrets: bool
    write: bool
