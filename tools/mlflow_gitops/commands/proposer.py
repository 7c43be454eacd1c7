"""Bring the proposals of single models up to date: decide what each needs, and do it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mlflow_gitops.app.comparisons import compare_versions
from mlflow_gitops.app.proposal_branches import ProposalBranches
from mlflow_gitops.commands import manifest_file
from mlflow_gitops.commands.file_pins import pins_of_holders
from mlflow_gitops.commands.finish_edit import check_result, stage_sentences
from mlflow_gitops.commands.manifest_file import OpenManifest
from mlflow_gitops.commands.output import emit
from mlflow_gitops.core.authoring import proposals
from mlflow_gitops.core.authoring.edit_manifest import Edit, apply_edit
from mlflow_gitops.core.authoring.following_aliases import AliasMove, alias_moves
from mlflow_gitops.core.comparison.values import Comparison
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.verdicts.evidence import RecordedEvidence
from mlflow_gitops.core.verdicts.pinned_files import asks_digest
from mlflow_gitops.edges.forge import Forge, PullRequest
from mlflow_gitops.errors import Failure
from mlflow_gitops.render import proposals as render
from mlflow_gitops.render.diff import diff_lines, unified
from mlflow_gitops.render.proposals import ProposalOutcome, Result
from mlflow_gitops.render.terminal import Style

MOST = 20
"""Proposals that one run opens or changes; the next run continues. A forge slows down accounts that
create much at once."""

_ENOUGH = f"{MOST} proposals are enough for one run; the next run continues"
_OTHER_COMMITS = (
    "others have committed to {}; merge or close its pull request, or delete the branch"
)
_DRY_RUN = "not yet, this is a dry run: {}"
_NO_STAGE = (
    "Nothing is proposed for this model any more: it has no manifest, or the policy names no stage."
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model and the stage that its newest version is proposed for. `observed` is the model in
    MLflow, None if it is not there."""

    sheet: OpenManifest
    stage: str
    observed: ObservedModel | None

    def outcome(
        self, version: int | None, result: Result, reason: str = "", *, url: str | None = None
    ) -> ProposalOutcome:
        """What became of the model's proposal of this version, or of none."""
        holders = self.sheet.holders(self.stage)
        return ProposalOutcome(self.sheet.name, self.stage, holders, version, result, reason, url)


@dataclass(frozen=True, slots=True)
class _Proposal:
    """A version that can be proposed on a branch: the edit of the manifest, the aliases that it
    moves along, and the resulting content."""

    candidate: Candidate
    branch: str
    observed: ObservedModel
    version: int
    edit: Edit
    moves: Sequence[AliasMove]
    content: bytes

    def outcome(
        self, result: Result, reason: str = "", *, url: str | None = None
    ) -> ProposalOutcome:
        return self.candidate.outcome(self.version, result, reason, url=url)


class Proposer:
    """Opens, updates and closes the pull requests of proposals into the branch `base`.

    `open_pulls` are the open ones, by branch. `evidence` is what comparisons of versions read;
    `held_versions` returns the versions of a model that held a stage before. With `dry_run`, diffs
    are printed and nothing is written. Methods raise ForgeFailure and GitFailure.
    """

    def __init__(
        self,
        forge: Forge,
        base: str,
        branches: ProposalBranches,
        open_pulls: Mapping[str, PullRequest],
        evidence: RecordedEvidence,
        held_versions: Callable[[str], Collection[int]],
        *,
        dry_run: bool,
    ) -> None:
        self._forge = forge
        self._base = base
        self._branches = branches
        self._open_pulls = open_pulls
        self._evidence = evidence
        self._held_versions = held_versions
        self._dry_run = dry_run
        self._changed = 0

    def update(self, candidate: Candidate) -> ProposalOutcome | None:
        """Bring one model's proposal up to date; None if there is neither one nor a reason for
        one."""
        branch = self._branches.name(candidate.sheet.name)
        pull = self._open_pulls.get(branch)
        observed, manifest = candidate.observed, candidate.sheet.manifest
        version = None
        if observed is not None and observed.kind == manifest.kind:
            version = proposals.newest(
                manifest, observed, lambda: self._held_versions(candidate.sheet.name)
            )

        if version is None or observed is None:
            reason = (
                "There is no newer version to propose: the main branch names the newest one, or"
                " MLflow no longer has it."
            )
            return self._withdraw_of(candidate, branch, pull, reason)
        try:
            proposal = _proposal(candidate, branch, observed, version)
        except Failure as failure:
            return candidate.outcome(version, "left", str(failure))
        return self._propose(proposal, pull)

    def withdraw_surplus(
        self, candidates: Iterable[Candidate], left_models: Iterable[str] = ()
    ) -> Iterator[ProposalOutcome]:
        """Close the open proposals of all other models: nothing is proposed for them any more.
        Those of `left_models` stay as they are."""
        names = [candidate.sheet.name for candidate in candidates]
        current = {self._branches.name(name) for name in (*names, *left_models)}
        for branch, pull in sorted(self._open_pulls.items()):
            if branch not in current:
                model = branch.removeprefix(self._branches.prefix)
                outcome = ProposalOutcome(model, "", (), None, "left")
                yield self._withdraw(outcome, branch, pull, _NO_STAGE)

    def _propose(self, proposal: _Proposal, pull: PullRequest | None) -> ProposalOutcome | None:
        """Open or update the proposal of a version, unless somebody has decided about it."""
        candidate, version, branch = proposal.candidate, proposal.version, proposal.branch
        file = candidate.sheet.file
        if (
            pull is not None
            and proposals.proposed_in(pull.body) == version
            and self._branches.contains(branch, file, proposal.content)
        ):
            return proposal.outcome("unchanged", url=pull.url)

        closed = self._forge.closed_pull_requests(branch, self._base)
        if version <= _newest_decided(closed):
            reason = f"Version {version} was turned down before."
            return self._withdraw_of(candidate, branch, pull, reason)
        merged_heads = [request.head for request in closed if request.is_merged]
        if not self._branches.may_replace(branch, merged_heads):
            return proposal.outcome("left", _OTHER_COMMITS.format(branch))
        if self._is_enough():
            return proposal.outcome("waits", _ENOUGH)
        return self._write(proposal, "updated" if pull else "opened")

    def _write(self, proposal: _Proposal, result: Result) -> ProposalOutcome:
        """Push the branch and open or update its pull request.

        The branch is pushed even if it has the content already: what is opened in this command's
        name was made by it.
        """
        candidate, sheet = proposal.candidate, proposal.candidate.sheet
        subject = proposals.subject(sheet.name, proposal.version, candidate.stage)
        if self._dry_run:
            emit(diff_lines(unified(sheet.file, sheet.data, proposal.content), Style()))
            return proposal.outcome(result, _DRY_RUN.format(subject))

        sentences = stage_sentences(sheet.manifest.stages, proposal.edit, proposal.moves)
        replaces = " ".join(sentences)
        message = f"{subject}\n\n{replaces}\n\n{proposals.SIGNED}\n"
        self._branches.replace(proposal.branch, sheet.file, proposal.content, message)
        body = render.page(
            sheet.name,
            candidate.stage,
            proposal.observed.versions[proposal.version],
            replaces,
            _comparison(proposal, self._evidence),
        )
        key = proposals.marker_key(proposal.version)
        url = self._forge.open_pull_request(proposal.branch, subject, body, self._base, key=key)
        return proposal.outcome(result, url=url)

    def _withdraw_of(
        self, candidate: Candidate, branch: str, pull: PullRequest | None, reason: str
    ) -> ProposalOutcome | None:
        if pull is None:
            return None
        return self._withdraw(candidate.outcome(None, "left"), branch, pull, reason)

    def _withdraw(
        self, outcome: ProposalOutcome, branch: str, pull: PullRequest, reason: str
    ) -> ProposalOutcome:
        """Close a proposal that has become pointless, unless others have committed to it. `outcome`
        is that of leaving it open.

        Nobody decided about its version, so its text loses the marker that would say so.
        """
        if not self._branches.may_replace(branch):
            return replace(outcome, reason=_OTHER_COMMITS.format(branch))
        if self._is_enough():
            return replace(outcome, result="waits", reason=_ENOUGH)
        if self._dry_run:
            return replace(outcome, result="withdrawn", reason=_DRY_RUN.format(pull.url))
        self._forge.close_pull_request(pull.number, proposals.without_marker(pull.body), reason)
        return replace(outcome, result="withdrawn", url=pull.url)

    def _is_enough(self) -> bool:
        """Count one more change; whether it is more than one run may make."""
        self._changed += 1
        return self._changed > MOST


def _comparison(proposal: _Proposal, evidence: RecordedEvidence) -> Comparison | None:
    """The version beside the one that it would replace, if there is one."""
    manifest = proposal.candidate.sheet.manifest
    replaced = proposals.counterpart(manifest, proposal.candidate.stage)
    if replaced is None:
        return None
    return compare_versions(
        proposal.observed, replaced, proposal.version, evidence, manifest.versions
    )


def _proposal(
    candidate: Candidate, branch: str, observed: ObservedModel, version: int
) -> _Proposal:
    """The edit that promotes a version. Raises Failure if the policy or a pin forbids it."""
    sheet = candidate.sheet
    stages = manifest_file.stages_after(sheet, candidate.stage, (version,))
    moves = alias_moves(sheet.manifest, sheet.rules, candidate.stage, stages)
    has_digest = asks_digest(sheet.rule(candidate.stage))
    pins = pins_of_holders(sheet, observed, [version], has_digest)
    edit = Edit(stages, pins, {move.path: move.new for move in moves})
    content = apply_edit(sheet.data, sheet.file, edit, tuple(sheet.rules.stages))
    check_result(sheet, content)
    return _Proposal(candidate, branch, observed, version, edit, moves, content)


def _newest_decided(closed: Sequence[PullRequest]) -> int:
    """The newest version about which somebody decided by merging or closing; 0 if there is none."""
    versions = (proposals.proposed_in(pull.body) for pull in closed)
    return max((version or 0 for version in versions), default=0)
