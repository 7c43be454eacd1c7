"""`github health`: one pull request for each stage with an unhealthy version rolls it back, or
one issue reports it (RULES R14).

Everything is read from the main branch and written to branches of its own on the remote: the
checkout stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mlflow_gitops.app.forges import required_forge
from mlflow_gitops.app.health.earlier_holders import EarlierHolders
from mlflow_gitops.app.health.reading import read_health
from mlflow_gitops.app.notifying.notifications import notify
from mlflow_gitops.app.notifying.run_notifications import owners_in
from mlflow_gitops.app.proposal_branches import ProposalBranches
from mlflow_gitops.app.runners import current_runner
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.health_issues import HealthIssues
from mlflow_gitops.commands.main_files import MainFiles, read_main_files
from mlflow_gitops.commands.output import emit, note, steps
from mlflow_gitops.commands.rollback_edit import RollbackEdit, rollback_edit
from mlflow_gitops.commands.rollback_pulls import RollbackPulls
from mlflow_gitops.core.authoring.proposals import ROLLBACK_BRANCHES
from mlflow_gitops.core.health import way_back
from mlflow_gitops.core.health.verdict import HealthVerdict
from mlflow_gitops.core.health.way_back import EarlierHolder, StageSituation, Step
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.notifying.events import NotifyEvent
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.errors import INVALID, OK, REFUSED, Failure, GitFailure, worst
from mlflow_gitops.render import way_back as render
from mlflow_gitops.render.problems import problem_lines
from mlflow_gitops.render.way_back import WayBackOutcome
from mlflow_gitops.settings import Settings

_NOT_WATCHED = "The policy asks for no health of this stage now, or the model has no manifest."


@dataclass(frozen=True, slots=True)
class WayBackRun:
    """What one run did. `failures` are those of single stages; `branches` are those that were
    pushed. `errors` are those of files on the main branch: their models were left out. `verdicts`
    are those on all versions that are watched; None if the policy is invalid."""

    outcomes: Sequence[WayBackOutcome]
    failures: Sequence[Failure]
    branches: Sequence[str]
    errors: Sequence[Problem] = ()
    verdicts: Sequence[HealthVerdict] | None = None

    @property
    def exit_code(self) -> int:
        """0; 3 if files are invalid; 4 if something waits for a person. The command raises
        failures, which come first."""
        needs_person = any(outcome.result == "left" for outcome in self.outcomes)
        return worst(INVALID if self.errors else OK, REFUSED if needs_person else OK)


def run(settings: Settings, models: Sequence[str] = (), *, dry_run: bool = False) -> int:
    """Propose to roll back each unhealthy version, and withdraw what is no longer needed. The
    output `branches` lists the branches that were pushed.

    Raises the first failure, after everything else was done.
    """
    steps(settings)("reading health")
    way_back_run = look(Workspace(settings), models, dry_run=dry_run)
    emit(problem_lines(way_back_run.errors))
    emit(render.text(way_back_run.outcomes))
    if not (way_back_run.outcomes or way_back_run.failures or way_back_run.errors):
        note(settings, "The policy asks for no health of a stage.")

    runner = current_runner()
    runner.add_summary("\n".join(render.summary(way_back_run.outcomes)))
    runner.set_output("branches", " ".join(way_back_run.branches))
    if way_back_run.failures:
        raise way_back_run.failures[0]
    return way_back_run.exit_code


def look(
    workspace: Workspace, models: Collection[str] = (), *, dry_run: bool = False
) -> WayBackRun:
    """Look at each stage with health in the main branch's policy (with `models`, of these), and do
    what its health asks for. One stage's failure stops only itself.

    Raises what keeps all of them from being looked at: ForgeFailure, GitFailure.
    """
    git, remote = workspace.git, workspace.git.remote()
    if remote is None:
        raise GitFailure(
            "There is no remote, so no pull request can be opened.",
            fix="Add one: git remote add origin ADDRESS.",
        )
    forge = required_forge(git)
    main = read_main_files(workspace, forge)
    validity = main.snapshot.validity.of(models) if models else main.snapshot.validity
    if validity.policy:
        return WayBackRun((), (), (), validity.policy)

    environment = workspace.environment.name if workspace.environment else None
    branches = ProposalBranches(git, remote, main.tip, environment, ROLLBACK_BRANCHES)
    open_pulls = forge.open_pull_requests(branches.prefix, main.name)
    issues = HealthIssues(forge, environment, dry_run=dry_run)
    keeper = _Keeper(
        workspace,
        main,
        RollbackPulls(forge, main.name, branches, open_pulls, dry_run=dry_run),
        issues,
        EarlierHolders(workspace, main.tip, main.snapshot.policy),
    )
    chosen = [name for name in main.snapshot.manifests if not models or name in models]
    watched = _watched(main, [name for name in chosen if name not in validity.models])
    verdicts = read_health(workspace, main.snapshot.policy, models) if watched else []
    work = [_reading(issues)]
    work += [keeper.look(*subject, _served(*subject, verdicts)) for subject in watched]
    # A model may be below a folder that cannot be read: then none is taken for deleted.
    if not models and not validity.others:
        names = [(manifest.name, stage) for manifest, stage in watched]
        work.append(keeper.withdraw_surplus(names, list(validity.models)))
    outcomes, failures = _collect(work)
    _notify(workspace, main, issues, () if dry_run else outcomes)
    return WayBackRun(outcomes, failures, branches.pushed, validity.errors, verdicts)


def _notify(
    workspace: Workspace, main: MainFiles, issues: HealthIssues, outcomes: Iterable[WayBackOutcome]
) -> None:
    """Notify people of each pull request or issue that this run opened (RULES R15)."""
    opened = [
        outcome
        for outcome in outcomes
        if outcome.result == "opened"
        or (outcome.result == "reported" and not issues.is_open(outcome.model, outcome.stage))
    ]
    if opened:
        owners_of = owners_in(main.snapshot)
        events = [
            NotifyEvent(
                "unhealthy",
                f"{outcome.stage}: {outcome.reason}",
                outcome.model,
                outcome.stage,
                owners=owners_of(outcome.model),
                url=outcome.url,
            )
            for outcome in opened
        ]
        notify(workspace, events)


def _watched(main: MainFiles, names: Sequence[str]) -> list[tuple[Manifest, str]]:
    """The stages with health in the policy, of these models."""
    policy, manifests = main.snapshot.policy, main.snapshot.manifests
    return [
        (manifests[name], rule.name)
        for name in sorted(names)
        for rule in policy.for_model(name, manifests[name].kind).stages.values()
        if rule.health is not None
    ]


def _served(
    manifest: Manifest, stage: str, verdicts: Iterable[HealthVerdict]
) -> HealthVerdict | None:
    """The verdict about the version that a stage serves, if git and the receipts agree on who holds
    it."""
    holders = manifest.stages.get(stage, ())
    of_stage = {
        verdict.version: verdict
        for verdict in verdicts
        if (verdict.model, verdict.stage) == (manifest.name, stage)
    }
    return of_stage[max(holders)] if holders and set(of_stage) == set(holders) else None


def _collect(
    work: Iterable[Iterator[WayBackOutcome]],
) -> tuple[list[WayBackOutcome], list[Failure]]:
    """Do all of the work. What was done before a failure is an outcome all the same."""
    outcomes: list[WayBackOutcome] = []
    failures: list[Failure] = []
    for part in work:
        try:
            for outcome in part:
                outcomes.append(outcome)
        except Failure as failure:
            failures.append(failure)
    return outcomes, failures


def _reading(issues: HealthIssues) -> Iterator[WayBackOutcome]:
    """Read the issues; a forge without them stops no pull request."""
    issues.read()
    yield from ()


class _Keeper:
    """Does for single stages what their health asks for."""

    def __init__(
        self,
        workspace: Workspace,
        main: MainFiles,
        pulls: RollbackPulls,
        issues: HealthIssues,
        earlier: EarlierHolders,
    ) -> None:
        self._workspace = workspace
        self._main = main
        self._pulls = pulls
        self._issues = issues
        self._earlier = earlier

    def look(
        self, manifest: Manifest, stage: str, verdict: HealthVerdict | None
    ) -> Iterator[WayBackOutcome]:
        """Do what one stage's health asks for. `verdict` is as in `StageSituation`."""
        model = manifest.name
        is_unhealthy = verdict is not None and verdict.state == "unhealthy"
        situation = StageSituation(
            model,
            stage,
            verdict,
            self._pulls.proposed(model, stage),
            self._pulls.decided(model, stage) if is_unhealthy else (),
            self._issues.is_open(model, stage),
        )
        edits: list[RollbackEdit] = []

        def find_target(unhealthy: HealthVerdict) -> EarlierHolder | None:
            policy, settings = self._main.snapshot.policy, self._workspace.settings
            sheet = self._main.open(self._workspace, settings, manifest, policy)
            edit = rollback_edit(sheet, unhealthy, self._earlier)
            if edit is not None:
                edits.append(edit)
            return edit.target if edit is not None else None

        for step in way_back.steps(situation, find_target):
            yield from self._do(situation, step, edits)
        if verdict is not None and verdict.state == "unknown":
            raise _unknown(verdict)

    def _do(
        self, situation: StageSituation, step: Step, edits: Sequence[RollbackEdit]
    ) -> Iterator[WayBackOutcome]:
        model, stage, verdict = situation.model, situation.stage, situation.verdict
        if step.kind == "withdraw":
            yield from self._pulls.withdraw(model, stage, step.reason)
        elif step.kind == "close":
            yield self._issues.close(model, stage, step.reason)
        elif step.kind == "propose" and verdict is not None:
            yield self._pulls.propose(verdict, edits[0])
        elif step.kind == "report" and verdict is not None:
            yield self._issues.report(verdict, step.reason)
        else:
            yield WayBackOutcome(model, stage, "none", step.reason)

    def withdraw_surplus(
        self, watched: Sequence[tuple[str, str]], left_models: Sequence[str]
    ) -> Iterator[WayBackOutcome]:
        """Close what is open about stages that are not watched any more. What is about
        `left_models`, whose files are invalid, stays."""
        yield from self._pulls.withdraw_surplus(watched, left_models, _NOT_WATCHED)
        for key in self._issues.surplus(set(watched), set(left_models)):
            yield self._issues.close_surplus(key, _NOT_WATCHED)


def _unknown(verdict: HealthVerdict) -> Failure:
    return Failure(
        f"The health of {verdict.model} {verdict.version} in {verdict.stage} is not known:"
        f" {verdict.reason}",
        fix="Nothing is proposed or withdrawn for it. See: mlflow-gitops health",
    )
