"""The pull requests that roll stages back: opens them, brings them up to date, and withdraws them
(RULES R14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlflow_gitops.app.proposal_branches import ProposalBranches
from mlflow_gitops.commands.output import emit
from mlflow_gitops.commands.rollback_edit import RollbackEdit
from mlflow_gitops.core.health import way_back
from mlflow_gitops.core.health.verdict import HealthVerdict
from mlflow_gitops.core.health.way_back import WatchedEntry
from mlflow_gitops.edges.forge import Forge, PullRequest
from mlflow_gitops.errors import Failure, ForgeFailure, GitFailure
from mlflow_gitops.render import way_back as render
from mlflow_gitops.render.diff import diff_lines, unified
from mlflow_gitops.render.markdown_safe import prose
from mlflow_gitops.render.terminal import Style
from mlflow_gitops.render.way_back import WayBackOutcome, WayBackResult

MOST = 20
"""Pull requests that one run opens or changes; the next run continues. A forge slows down accounts
that create much at once."""

_ENOUGH = f"{MOST} pull requests are enough for one run; the next run continues."
_OTHER_COMMITS = (
    "Others have committed to {}. Merge or close its pull request, or delete the branch."
)
_OTHER_AUTHOR = (
    "Another account opened {}, so it is no proposal of this command. Merge or close it."
)
_DRY_RUN = "Not yet, this is a dry run: {}"


class RollbackPulls:
    """The pull requests into the branch `base`, and their branches. `open_pulls` are the open ones,
    by branch. With `dry_run`, diffs are printed and nothing is written.

    Only what the account of this token opened counts. Methods raise ForgeFailure and GitFailure.
    """

    def __init__(
        self,
        forge: Forge,
        base: str,
        branches: ProposalBranches,
        open_pulls: Mapping[str, PullRequest],
        *,
        dry_run: bool,
    ) -> None:
        self._forge = forge
        self._base = base
        self._branches = branches
        self._open = dict(open_pulls)
        self._dry_run = dry_run
        self._changed = 0

    def proposed(self, model: str, stage: str) -> WatchedEntry | None:
        """The entry that our open pull request about a stage names; None if there is none."""
        pull = self._own_pull(self._branches.name_of_stage(model, stage))
        return way_back.entry_in(pull.body) if pull is not None else None

    def decided(self, model: str, stage: str) -> set[WatchedEntry]:
        """The entries whose pull requests people merged or closed."""
        branch = self._branches.name_of_stage(model, stage)
        bodies = [pull.body for pull in self._closed(branch) if self._forge.is_ours(pull)]
        return {entry for body in bodies if (entry := way_back.entry_in(body)) is not None}

    def propose(self, verdict: HealthVerdict, edit: RollbackEdit) -> WayBackOutcome:
        """Open the pull request of an edit, or bring the open one up to date."""
        branch = self._branches.name_of_stage(verdict.model, verdict.stage)
        entry, pull = way_back.entry_of(verdict), self._open.get(branch)
        if pull is not None and not self._forge.is_ours(pull):
            return _outcome(verdict, "left", _OTHER_AUTHOR.format(pull.url))
        is_about_entry = pull is not None and way_back.entry_in(pull.body) == entry
        if is_about_entry and self._branches.contains(branch, edit.sheet.file, edit.content):
            return _outcome(verdict, "unchanged", verdict.reason, pull.url if pull else None)

        merged_heads = [closed.head for closed in self._closed(branch) if closed.is_merged]
        if not self._branches.may_replace(branch, merged_heads):
            return _outcome(verdict, "left", _OTHER_COMMITS.format(branch))
        if self._is_enough():
            return _outcome(verdict, "waits", _ENOUGH)
        if self._dry_run:
            sheet = edit.sheet
            emit(diff_lines(unified(sheet.file, sheet.data, edit.content), Style()))
            return _outcome(verdict, "opened", _DRY_RUN.format(edit.subject))
        try:
            url = self._write(verdict, edit, branch)
        except (ForgeFailure, GitFailure) as failure:
            return self._opened_meanwhile(verdict, branch, failure)
        return _outcome(verdict, "updated" if pull else "opened", verdict.reason, url)

    def withdraw(self, model: str, stage: str, reason: str) -> Iterator[WayBackOutcome]:
        """Close our open pull request about a stage and delete its branch, unless others have
        committed to it. Nobody decided about its entry, so its text loses the marker."""
        branch = self._branches.name_of_stage(model, stage)
        pull = self._own_pull(branch)
        if pull is not None:
            result, detail = self._withdraw(pull, branch, reason)
            yield WayBackOutcome(model, stage, result, detail, pull.url)

    def withdraw_surplus(
        self, watched: Sequence[tuple[str, str]], left_models: Sequence[str], reason: str
    ) -> Iterator[WayBackOutcome]:
        """Withdraw what is open about other stages than those that are watched. That of
        `left_models` stays."""
        current = {self._branches.name_of_stage(model, stage) for model, stage in watched}
        kept_prefixes = tuple(f"{self._branches.name(model)}/" for model in left_models)
        for branch in sorted(self._open.keys() - current):
            pull = self._own_pull(branch)
            if pull is not None and not branch.startswith(kept_prefixes):
                model, _, stage = branch.removeprefix(self._branches.prefix).rpartition("/")
                result, detail = self._withdraw(pull, branch, reason)
                yield WayBackOutcome(model, stage, result, detail, pull.url)

    def _own_pull(self, branch: str) -> PullRequest | None:
        pull = self._open.get(branch)
        return pull if pull is not None and self._forge.is_ours(pull) else None

    def _closed(self, branch: str) -> list[PullRequest]:
        return self._forge.closed_pull_requests(branch, self._base)

    def _write(self, verdict: HealthVerdict, edit: RollbackEdit, branch: str) -> str:
        """Push the branch and open or update its pull request; return its URL."""
        self._branches.replace(branch, edit.sheet.file, edit.content, edit.message)
        body = render.pull_request(verdict, edit.target)
        key = way_back.entry_of(verdict).marker_key
        return self._forge.open_pull_request(branch, edit.subject, body, self._base, key=key)

    def _opened_meanwhile(
        self, verdict: HealthVerdict, branch: str, failure: Failure
    ) -> WayBackOutcome:
        """Look whether another run has opened the pull request since this one read them. Raises
        `failure` if none has."""
        pull = self._forge.open_pull_requests(branch, self._base).get(branch)
        entry = way_back.entry_in(pull.body) if pull is not None else None
        if pull is None or entry != way_back.entry_of(verdict) or not self._forge.is_ours(pull):
            raise failure
        return _outcome(verdict, "unchanged", verdict.reason, pull.url)

    def _withdraw(self, pull: PullRequest, branch: str, reason: str) -> tuple[WayBackResult, str]:
        if not self._branches.may_replace(branch):
            return "left", _OTHER_COMMITS.format(branch)
        if self._is_enough():
            return "waits", _ENOUGH
        if self._dry_run:
            return "withdrawn", _DRY_RUN.format(reason)
        comment = prose(reason)
        self._forge.close_pull_request(pull.number, way_back.without_marker(pull.body), comment)
        self._open.pop(branch, None)
        self._branches.delete(branch)
        return "withdrawn", reason

    def _is_enough(self) -> bool:
        """Count one more change; whether it is more than one run may make."""
        self._changed += 1
        return self._changed > MOST


def _outcome(
    verdict: HealthVerdict, result: WayBackResult, reason: str, url: str | None = None
) -> WayBackOutcome:
    return WayBackOutcome(verdict.model, verdict.stage, result, reason, url)
