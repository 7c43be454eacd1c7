"""`github propose`: a pull request a model proposes its newest version for a stage, and is kept up
to date.

Everything is read from the main branch and written to branches of its own on the remote: the
checkout stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mlflow_gitops.app.comparisons import side_by_side
from mlflow_gitops.app.connect import connect
from mlflow_gitops.app.evidence import RegistryEvidence
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands import manifest_file as sheets
from mlflow_gitops.commands.finish_edit import check_result, stage_sentences
from mlflow_gitops.commands.github import append
from mlflow_gitops.commands.manifest_file import OpenManifest
from mlflow_gitops.commands.output import emit, note, report_invalid, steps, warn
from mlflow_gitops.core.authoring import proposals
from mlflow_gitops.core.authoring.edit_manifest import Edit, apply_edit
from mlflow_gitops.core.comparison.values import Comparison
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.snapshot import Snapshot, SourceFile, build
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.verdicts.evidence import RecordedEvidence
from mlflow_gitops.edges.git import commits
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.github.client import GitHub, branch_of
from mlflow_gitops.edges.github.proposals import Request, Requests
from mlflow_gitops.errors import OK, Failure, GitFailure, GitHubFailure
from mlflow_gitops.render import proposals as render
from mlflow_gitops.render.diff import shown, unified
from mlflow_gitops.render.proposals import Outcome, Result
from mlflow_gitops.render.terminal import Style
from mlflow_gitops.settings import Settings

MOST = 20
"""Proposals that one run opens or changes; what is left waits for the next. GitHub slows down who
creates much at once."""
_ENOUGH = f"{MOST} proposals are enough for one run; the next one goes on"
_OTHERS = "others have committed to {}; merge or close its pull request, or delete the branch"


def run(settings: Settings, models: Sequence[str], stage: str | None, *, dry_run: bool) -> int:
    """Propose the newest version of each managed model (of these, where some are named) for
    `stage`, by default the one that the policy's `propose` names for it. The output `branches`
    lists the branches that were pushed."""
    workspace = Workspace(settings)
    git, remote = workspace.git, workspace.git.remote()
    if remote is None:
        raise GitFailure(
            "There is no remote, so no pull request can be opened. Add one: git remote add origin"
            " ADDRESS."
        )
    github = GitHub.needed(git)
    tip = git.resolve(workspace.main_ref)
    sources = {file.path: file for file in git.files_at(tip, workspace.registry)}
    snapshot = build(sources.values(), workspace.registry)
    if snapshot.errors:
        return report_invalid(snapshot, "text")
    for name in models:
        if name not in snapshot.manifests:
            note(
                settings,
                f"{name} has no manifest on {workspace.main_ref}: nothing is proposed for it.",
            )
    chosen = [name for name in snapshot.manifests if not models or name in models]
    stages = _stages(snapshot, chosen, stage)
    base = branch_of(git, workspace.main_ref) or github.default_branch
    desk = _Desk(workspace, settings, sources, tip, remote, Requests(github, base), dry_run=dry_run)
    if not stages and not desk.open:
        if chosen:
            note(
                settings,
                "The policy proposes nothing. Say in it: propose: Staging, or give --stage.",
            )
        return OK
    progress = steps(settings)
    progress("reading MLflow")
    registry = connect(workspace, warn)
    desk.evidence = RegistryEvidence(registry)
    policy = snapshot.policy.without_stages() if registry.stageless else snapshot.policy
    prompts = [name for name in stages if snapshot.manifests[name].kind == "prompt"]
    seen = registry.observe(list(stages), only=bool(models), prompts=prompts) if stages else {}
    outcomes = []
    try:
        for outcome in _kept(
            desk, snapshot, policy, stages, seen, all_of_them=not models and stage is None
        ):
            outcomes.append(outcome)
    except GitHubFailure as failure:  # what was pushed before that is told all the same
        desk.failures.append(failure)
    emit(render.text(outcomes))
    append("GITHUB_STEP_SUMMARY", "\n".join(render.summary(outcomes)))
    append("GITHUB_OUTPUT", f"branches={' '.join(desk.pushed)}")
    if desk.failures:
        raise desk.failures[0]
    return OK


def _stages(snapshot: Snapshot, models: Sequence[str], stage: str | None) -> dict[str, str]:
    """The stage that each model's versions are proposed for, by the policy or as it is given;
    without those that have none. Raises Failure for one that no model has."""
    if stage == "Archived":
        raise Failure(
            "A new version is not proposed for Archived. Name the stage that it shall climb to"
            " first."
        )
    found = {}
    known: dict[str, None] = {}
    for name in models:
        rules = snapshot.policy.for_model(name, snapshot.manifests[name].kind)
        known.update(dict.fromkeys(rules.stages))
        wanted = stage or rules.propose
        if wanted is not None and wanted in rules.stages:
            found[name] = wanted
    if stage is not None and models and not found:
        raise Failure(f"The policy has no stage {stage!r}; the stages are {', '.join(known)}.")
    return found


def _kept(
    desk: _Desk,
    snapshot: Snapshot,
    policy: Policy,
    stages: Mapping[str, str],
    seen: Mapping[str, ObservedModel],
    *,
    all_of_them: bool,
) -> Iterator[Outcome]:
    """Bring the proposal of each model up to date, and take back those of models that are to have
    none."""
    for name, stage in sorted(stages.items()):
        manifest = snapshot.manifests[name]
        sheet = OpenManifest(
            desk.workspace,
            desk.settings,
            desk.sources,
            manifest.file,
            manifest,
            policy.for_model(name, manifest.kind),
        )
        try:
            if (outcome := desk.keep(sheet, seen.get(name), stage)) is not None:
                yield outcome
        except GitFailure as failure:  # somebody else pushed, say
            desk.failures.append(failure)
            yield Outcome(name, stage, sheet.holders(stage), None, "left", str(failure))
    if all_of_them:
        wanted = {desk.branch(name) for name in stages}
        for branch, request in sorted(desk.open.items()):
            if branch not in wanted:
                why = (
                    "Nothing is proposed for this model any more: it has no manifest, or the policy"
                    " names no stage."
                )
                yield desk.withdrawn(branch, request, "", (), why)


@dataclass
class _Desk:
    """What is proposed now, and the ways to change it. `pushed` are the branches that were pushed,
    `failures` why one could not be, or why GitHub was not asked any more."""

    workspace: Workspace
    settings: Settings
    sources: Mapping[str, SourceFile]
    tip: str
    remote: str
    requests: Requests
    dry_run: bool
    pushed: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    evidence: RecordedEvidence | None = None
    _changed: int = 0

    @property
    def git(self) -> Git:
        return self.workspace.git

    @cached_property
    def prefix(self) -> str:
        """What the branches begin with: those of one environment, where the repository keeps
        several."""
        place = self.workspace.environment
        return proposals.BRANCHES + (f"{place.name}/" if place else "")

    @cached_property
    def open(self) -> dict[str, Request]:
        return self.requests.open(self.prefix)

    @cached_property
    def tips(self) -> dict[str, str]:
        return commits.fetch_branches(self.git, self.remote, self.prefix)

    def branch(self, model: str) -> str:
        return self.prefix + proposals.branch_part(model)

    def keep(self, sheet: OpenManifest, seen: ObservedModel | None, stage: str) -> Outcome | None:
        """Bring one model's proposal up to date; None where there is none, and nothing to propose."""
        branch, before = self.branch(sheet.name), sheet.holders(stage)
        request, tip = self.open.get(branch), self.tips.get(branch)
        version = (
            proposals.newest(sheet.manifest, seen)
            if seen and seen.kind == sheet.manifest.kind
            else None
        )

        def outcome(result: Result, detail: str, proposed: int | None = version) -> Outcome:
            return Outcome(sheet.name, stage, before, proposed, result, detail)

        if version is None or seen is None:
            if request is None:
                return None
            why = (
                f"There is no newer version to propose: {self.workspace.main_ref} names what is"
                " newest, or MLflow lacks it."
            )
            return self.withdrawn(branch, request, stage, before, why, sheet.name)
        try:
            edit = Edit(
                sheets.stages_after(sheet, stage, (version,)),
                sheets.pins_for(sheet, seen, [version]),
            )
            new = apply_edit(sheet.data, sheet.file, edit, tuple(sheet.rules.stages))
            check_result(sheet, new)
        except Failure as failure:
            return outcome("left", str(failure))
        if request is not None and request.version == version and self._says(tip, sheet.file, new):
            return outcome("unchanged", request.url)
        past = self.requests.closed(branch)
        if version <= max((one.version or 0 for one in past), default=0):
            # Somebody has decided about it, or about a newer one.
            if request is None:
                return None
            return self.withdrawn(
                branch,
                request,
                stage,
                before,
                f"Version {version} was turned down before.",
                sheet.name,
            )
        if not self._may_replace(tip, past):
            return outcome("left", _OTHERS.format(branch))
        if self._is_enough():
            return outcome("waits", _ENOUGH)
        subject = proposals.subject(sheet.name, version, stage)
        replaces = " ".join(stage_sentences(sheet.manifest.stages, edit))
        if self.dry_run:
            emit(shown(unified(sheet.file, sheet.data, new), Style()))
            return outcome(
                "updated" if request else "opened", f"not yet, this is a dry run: {subject}"
            )
        # Also where a branch without a pull request says so already: what is opened in our name is
        # what was made here.
        message = f"{subject}\n\n{replaces}\n\n{proposals.SIGNED}\n"
        made = commits.commit_without_checkout(self.git, self.tip, sheet.file, new, message)
        commits.replace_branch(self.git, self.remote, branch, tip, made)
        self.pushed.append(branch)
        compared = self._compared(sheet, seen, stage, version)
        text = render.page(sheet.name, stage, seen.versions[version], replaces, compared)
        return outcome(
            "updated" if request else "opened", self.requests.put(branch, version, subject, text)
        )

    def withdrawn(
        self,
        branch: str,
        request: Request,
        stage: str,
        before: tuple[int, ...],
        why: str,
        model: str = "",
    ) -> Outcome:
        """Close a proposal that is of no use any more, unless others have committed to it."""
        told = model or branch.removeprefix(self.prefix)
        if not self._may_replace(self.tips.get(branch), ()):
            return Outcome(told, stage, before, None, "left", _OTHERS.format(branch))
        if self._is_enough():
            return Outcome(told, stage, before, None, "waits", _ENOUGH)
        if self.dry_run:
            return Outcome(
                told, stage, before, None, "withdrawn", f"not yet, this is a dry run: {request.url}"
            )
        self.requests.withdraw(request, why)
        return Outcome(told, stage, before, None, "withdrawn", request.url)

    def _is_enough(self) -> bool:
        """Whether this run has changed as much as one run may; else it changes one more."""
        self._changed += 1
        return self._changed > MOST

    def _compared(
        self, sheet: OpenManifest, seen: ObservedModel, stage: str, version: int
    ) -> Comparison | None:
        """The version beside the one that it is measured against."""
        other = proposals.counterpart(sheet.manifest, stage)
        if other is None or self.evidence is None:
            return None
        return side_by_side(seen, other, version, self.evidence, sheet.manifest.versions)

    # -- the branch on the remote -----------------------------------------------------------------------------------

    def _says(self, tip: str | None, file: str, content: bytes) -> bool:
        """Whether a commit has this content in a file."""
        if tip is None:
            return False
        there = self.git.query("rev-parse", "--verify", "-q", f"{tip}:{file}")
        return there == self.git.output("hash-object", "--stdin", feed=content.decode("utf-8"))

    def _may_replace(self, tip: str | None, past: Sequence[Request]) -> bool:
        """Whether a branch holds nothing that would be lost: it is not there, ours, or merged."""
        if tip is None or self._is_ours(tip) or self.git.contains(self.tip, tip):
            return True
        return any(one.merged and one.head == tip for one in past)

    def _is_ours(self, tip: str) -> bool:
        form = ("show", "-s", "--no-show-signature", "--encoding=UTF-8", "--format=%ce%n%P%n%B")
        mail, parents, message = (*self.git.output(*form, tip).split("\n", 2), "", "")[:3]
        known = parents.split()
        on_main = bool(known) and self.git.contains(self.tip, known[0])
        return proposals.made_here(mail, len(known), on_main, message, self._me)

    @cached_property
    def _me(self) -> str:
        """The address that commits are made under here."""
        return (
            self.git.output("var", "GIT_COMMITTER_IDENT", identity=True)
            .rpartition("<")[2]
            .partition(">")[0]
        )
