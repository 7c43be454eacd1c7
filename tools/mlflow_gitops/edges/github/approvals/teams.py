"""The members of teams, for approvals that must come from one (RULES R3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.errors import ForgeFailure

TEAMS_TOKEN = "MLFLOW_GITOPS_TEAMS_TOKEN"
"""The variable with a token that may read teams: a workflow's own token may not."""

_HIDDEN = (403, 404)


def team_members(github: GitHubConnection, team: str) -> frozenset[str]:
    """Return the logins, in lower case, of the members of `@organization/team` and of the teams
    below it. Raises ForgeFailure if there is no such team or the token may not read it."""
    from github.NamedUser import NamedUser
    from github.PaginatedList import PaginatedList

    organization, _, slug = team.removeprefix("@").lower().partition("/")
    path = f"/orgs/{quote(organization, safe='')}/teams/{quote(slug, safe='')}/members"
    try:
        with github.request(f"read the members of {team}"):
            # GitHub lists the members of child teams among those of their parent.
            members: Any = PaginatedList(NamedUser, github.client.requester, path, None)
            return frozenset(str(member.login).lower() for member in members)
    except ForgeFailure as failure:
        if failure.status not in _HIDDEN:
            raise
        raise ForgeFailure(
            f"GitHub does not show the members of {team} ({failure.status}): there is no such team,"
            " or the token may not read it.",
            failure.status,
            fix=f"Check the team's name, and set {TEAMS_TOKEN} to a token with the organization"
            " permission Members: read.",
        ) from None
