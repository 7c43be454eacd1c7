"""Who has a hand in a pull request and therefore cannot approve it alone (RULES R3): who wrote and
pushed its commits, which bot acts in it, and who may have started that bot's workflow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlflow_gitops.core.gates.change_approvals import Part, Participant
from mlflow_gitops.core.history.approvals import makers
from mlflow_gitops.core.times import format_datetime
from mlflow_gitops.edges.forge import ClonedMainBranch
from mlflow_gitops.edges.github.approvals.activity import BranchActivity
from mlflow_gitops.edges.github.approvals.pushes import actors_of
from mlflow_gitops.edges.github.connection import GitHubConnection
from mlflow_gitops.errors import ForgeFailure

if TYPE_CHECKING:
    from github.Commit import Commit
    from github.PullRequest import PullRequest
    from github.WorkflowRun import WorkflowRun

_RERUNS = timedelta(days=31)
"""How long after its first attempt GitHub lets a workflow run be started again."""
_DISPATCHES = ("workflow_dispatch", "repository_dispatch")

MAX_RESULTS = 1000
"""Workflow runs that GitHub gives for one search."""
MAX_SEARCHES = 10


class Contributors:
    """Reads who contributed to pull requests into one main branch. Every method may raise
    ForgeFailure; call them inside of `GitHubConnection.request`."""

    def __init__(self, github: GitHubConnection, main: ClonedMainBranch) -> None:
        self._github = github
        self._main = main

    def authored(self, commits: Iterable[Commit]) -> list[Commit]:
        """The commits that somebody wrote: all but plain merges of the main branch."""
        return [commit for commit in commits if not self._is_update(commit)]

    def makers(self, authored: Sequence[Commit], pushers: Iterable[Participant]) -> dict[str, str]:
        """Who wrote or pushed these commits of a pull request, and how each of them did."""
        made_by = makers(
            (
                _names(commit.author, commit.commit.author),
                _names(commit.committer, commit.commit.committer),
                commit.commit.message,
            )
            for commit in authored
        )
        for pusher in pushers:
            made_by.setdefault(pusher.by.removeprefix("@").lower(), "pushed to it")
        return made_by

    def bot(self, opener: Any, commits: Sequence[Commit]) -> str | None:
        """The bot that opened a pull request or committed to it, if it is not the configured app.
        A person who can write to a branch can let a workflow act as the bot."""
        people = [opener]
        for commit in commits:
            people += [commit.author, commit.committer]
        bots = {person.login for person in people if person and person.type == "Bot"}
        return next((bot for bot in sorted(bots) if not self._is_our_app(bot)), None)

    def dispatchers(self, opened: datetime) -> frozenset[str]:
        """Who may have started the workflow that opened a pull request at that time.

        What a pull request's text claims about its origin can be edited. Therefore everybody
        counts who dispatched a run that began before that time and ended after it, and everybody
        who started such a run again.
        """
        runs = [
            run
            for event in _DISPATCHES
            for run in self._runs(event, opened)
            if run.created_at <= opened <= run.updated_at or run.status != "completed"
        ]
        return frozenset(login.lower() for run in runs for login in self._starters(run))

    def _runs(self, event: str, opened: datetime) -> Iterator[WorkflowRun]:
        """The runs of an event before a time, newest first. GitHub gives a thousand for each
        search, so the next search ends where the one before did."""
        seen: set[int] = set()
        until = opened
        for _ in range(MAX_SEARCHES):
            created = f"{format_datetime(opened - _RERUNS)}..{format_datetime(until)}"
            runs = list(self._github.repo.get_workflow_runs(event=event, created=created))
            yield from (run for run in runs if run.id not in seen)
            seen.update(run.id for run in runs)
            if len(runs) < MAX_RESULTS:
                return
            until = min(run.created_at for run in runs)
        raise ForgeFailure(
            f"this repository has {MAX_SEARCHES * MAX_RESULTS} runs of {event} in a month or more,"
            " and who started the rest is not read.",
            fix="Open the pull request by hand.",
        )

    def _is_update(self, commit: Commit) -> bool:
        """Whether a commit is a merge of the main branch as git makes it itself ("Update branch"):
        nobody is its author. One that says anything of its own is not."""
        parents = [parent.sha for parent in commit.parents]
        return (
            len(parents) == 2
            and parents[1] in self._main.line()
            and self._main.git.is_plain_merge(commit.sha, *parents)
        )

    def _is_our_app(self, bot: str) -> bool:
        """Whether a bot is the GitHub App that the variable MLFLOW_GITOPS_APP_CLIENT_ID names."""
        client_id = os.environ.get("MLFLOW_GITOPS_APP_CLIENT_ID")
        if not client_id:
            return False
        slug = quote(bot.removesuffix("[bot]"), safe="")
        app = self._github.unless_missing(
            f"read which app @{bot} is",
            lambda: self._github.client.requester.requestJsonAndCheck("GET", f"/apps/{slug}")[1],
        )
        return app is not None and app.get("client_id") == client_id

    def pushers(
        self, pull: PullRequest, commits: Sequence[Commit], authored: Sequence[Commit]
    ) -> list[Participant]:
        """Who pushed the commits of a pull request; `authored` are those that somebody wrote.
        Anybody can write another's name into a commit, but a push requires a login.

        What cannot be read raises a ForgeFailure, except for a fork that is gone or that the token
        may not see, and on a GitHub Enterprise Server that does not have this yet.
        """
        home = pull.head.repo
        if home is None:
            return []
        is_ours, activity = self._github.owns(home), BranchActivity(self._github)
        try:
            with self._github.request(f"read who pushed {pull.head.ref}"):
                pushes = activity.of(home.full_name, pull.head.ref)
        except ForgeFailure as failure:
            if failure.status not in (403, 404) or (is_ours and not activity.is_lacking):
                raise
            return []

        actors = actors_of(pushes, commits, authored, self._main.git)
        return list(dict.fromkeys(participant("pushed", actor) for actor in actors))

    def _starters(self, run: WorkflowRun) -> Iterator[str]:
        """Everybody who started a run, or started it again. Raises ForgeFailure if GitHub does not
        name one of them."""
        people = (run.actor, run.triggering_actor)
        starters = [user.login if user else "" for user in people]
        with self._github.request(f"read who started run {run.id}"):
            for number in range(1, run.run_attempt):
                earlier = self._github.get(f"actions/runs/{run.id}/attempts/{number}")
                for role in ("actor", "triggering_actor"):
                    starters.append(str((earlier.get(role) or {}).get("login") or ""))
        if not all(starters):
            raise ForgeFailure(
                f"GitHub does not name who started the workflow run {run.id}.",
                fix="Open the pull request by hand.",
            )
        yield from starters


def participant(part: Part, account: Any) -> Participant:
    """An account as PyGithub or the API's JSON has it."""
    if isinstance(account, dict):
        return Participant(part, f"@{account['login']}", account.get("id"))
    return Participant(part, f"@{account.login}", account.id)


def _names(user: Any, signature: Any) -> list[str]:
    """What names the maker of a commit: the login, if GitHub knows the address, and the address."""
    names = (user.login if user else None, signature.email if signature else None)
    return [name for name in names if name]
