"""`doctor`'s checks of what GitHub does with workflows: whether they run, for whom, and which app
sets their statuses. Pure (RULES R9)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.core.wording import and_list
from mlflow_gitops.edges.github.protection import RepositorySettings, Unread
from mlflow_gitops.edges.github.setup.results import GITHUB, unknown
from mlflow_gitops.edges.github.setup.workflow_settings import ForkWorkflows

_ACTIONS = "Settings → Actions → General → "
_REASONS = {
    "disabled_inactivity": "GitHub disabled it after 60 days without a commit",
    "disabled_manually": "somebody disabled it",
    "disabled_fork": "GitHub disables workflows of a fork until somebody enables them",
}


def plan(settings: RepositorySettings) -> Iterator[CheckResult]:
    """Whether the repository's plan has what protects it. A plan that has it needs no result."""
    if settings.needs_plan is not None:
        yield GITHUB.missing(
            "plan",
            f"{settings.repository} cannot be secured on its plan of GitHub: a private repository"
            " has no branch protection there, and its environments accept every branch",
            "Make the repository public, or use GitHub Pro, Team or Enterprise.",
        )


def workflows(settings: RepositorySettings) -> Iterator[CheckResult]:
    """Whether GitHub runs the workflows."""
    states = settings.workflow_states
    if isinstance(states, Unread):
        yield unknown("workflows", states)
    elif states is not None:
        yield from _disabled(states)


def fork_workflows(settings: RepositorySettings) -> Iterator[CheckResult]:
    """Whether the pull requests of forks are checked, and without credentials."""
    forks = settings.fork_workflows
    if isinstance(forks, Unread):
        yield unknown("fork-workflows", forks)
    elif forks is not None:
        yield from _of_forks(forks)


def _disabled(states: Mapping[str, str]) -> Iterator[CheckResult]:
    """Check that workflows are enabled. `states` are GitHub's, by file name."""
    disabled = {file: state for file, state in sorted(states.items()) if state != "active"}
    if not disabled:
        yield GITHUB.ok("workflows", "GitHub has disabled no workflow")
    for file, state in disabled.items():
        yield GITHUB.missing(
            "workflows",
            f"{file} does not run, on no event: {_REASONS.get(state, state)}",
            f"Actions → {file} → Enable workflow.",
        )


def _of_forks(forks: ForkWorkflows) -> Iterator[CheckResult]:
    """Check how a private repository that may be forked treats pull requests from forks."""
    page = f"{_ACTIONS}Fork pull request workflows: "
    if not forks.run:
        yield GITHUB.missing(
            "fork-workflows",
            "a pull request from a fork waits for its checks for ever: its workflows do not run",
            f"{page}run them, without secrets and write tokens; or forbid forks (Settings →"
            " General → Allow forking).",
        )
    elif forks.get_secrets or forks.write:
        given = and_list(
            [
                *(["secrets"] if forks.get_secrets else []),
                *(["tokens that may write"] if forks.write else []),
            ]
        )
        yield GITHUB.missing(
            "fork-workflows",
            f"workflows that a fork's pull request edits get {given}",
            f"{page}send neither secrets nor write tokens.",
        )
    else:
        yield GITHUB.ok("fork-workflows", "workflows of forks run without secrets")


def check_sources(
    required: Mapping[str, int | None], actions_app: int, page: str
) -> Iterator[CheckResult]:
    """Check which app the required checks come from. `actions_app` is the id of GitHub Actions."""
    fix = page + "name GitHub Actions as the source of each required check."
    from_anywhere = [name for name, app in required.items() if app is None]
    if from_anywhere:
        yield GITHUB.missing(
            "check-source",
            f"anyone with write permission can set {and_list(from_anywhere)} to success by"
            " hand: any source is accepted",
            fix,
        )
    from_others = {name: app for name, app in required.items() if app not in (None, actions_app)}
    for name, app in from_others.items():
        yield GITHUB.missing(
            "check-source",
            f"{name} counts from app {app} only, but workflows set it as GitHub Actions"
            f" ({actions_app})",
            fix,
        )
    if required and not from_anywhere and not from_others:
        yield GITHUB.ok("check-source", "required checks are accepted from GitHub Actions only")


def waiting_checks(
    settings: RepositorySettings, dispatched: Collection[str]
) -> Iterator[CheckResult]:
    """Whether a merge waits for checks that a pull request of a workflow's own token never gets:
    its workflows wait for approval, and a dispatched run's checks do not count. Commit statuses
    count, as those that are `dispatched` do."""
    required = settings.merge_rules.checks
    waiting = [
        name
        for name, app in required.items()
        if name not in dispatched and app in (None, settings.actions_app)
    ]
    if waiting:
        yield GITHUB.missing(
            "waiting-checks",
            f"pull requests that promote and propose open wait for {and_list(waiting)} until"
            " somebody presses Approve workflows to run on each",
            f"Require {and_list(sorted(dispatched))} alone, which includes validation; or configure"
            " a GitHub App, whose pull requests start their checks.",
        )
