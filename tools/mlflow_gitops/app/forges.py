"""Select the forge of a clone. This table is the only place that names the forges.

A new forge is a folder in `edges/` that implements `edges.forge.ForgeProvider`, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mlflow_gitops.core.history.web_pages import WebPages
from mlflow_gitops.edges.forge import Forge, ForgeProvider, NotConfigured
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import ForgeFailure


def _github() -> ForgeProvider:
    from mlflow_gitops.edges.github.provider import GitHubProvider

    return GitHubProvider()


PROVIDERS: dict[str, Callable[[], ForgeProvider]] = {"github": _github}
"""The forges by name, in the order in which they are tried. Each is imported when it is used."""


def find_forge(git: Git | None) -> Forge | NotConfigured:
    """Return the forge that this clone and environment are configured for.

    If there is none, return what the first forge of the table needs.
    """
    missing = None
    for provider in _providers():
        forge = provider.connect(git)
        if not isinstance(forge, NotConfigured):
            return forge
        missing = missing or forge
    assert missing is not None, "the table is never empty"
    return missing


def configured_forge(git: Git | None) -> Forge | None:
    """Return the clone's forge; None if it has none, or if credentials are missing."""
    forge = find_forge(git)
    return None if isinstance(forge, NotConfigured) else forge


def required_forge(git: Git | None) -> Forge:
    """As `configured_forge`, but raise a ForgeFailure that names what is missing."""
    forge = find_forge(git)
    if isinstance(forge, NotConfigured):
        raise ForgeFailure(f"{forge.forge} cannot be used.", fix=f"Set {forge.setting}.")
    return forge


def web_pages(git: Git) -> WebPages | None:
    """Return the web pages of the clone's repository, if a known forge hosts it."""
    pages = (provider.web_pages(git) for provider in _providers())
    return next((found for found in pages if found is not None), None)


def _providers() -> Iterator[ForgeProvider]:
    for load in PROVIDERS.values():
        yield load()
