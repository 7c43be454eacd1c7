"""The facts behind `verify`: the main line and its receipts from git, what MLflow holds, and what
only the forge knows. `core/audit/verifying/verification.py` judges them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlflow_gitops.app.audit.line.recorded_line import read_main_line
from mlflow_gitops.app.audit.model_account import ModelAccount, read_records
from mlflow_gitops.app.audit.record.approved_acknowledgements import AcknowledgementJudge
from mlflow_gitops.app.audit.record.read_record import ReadRecord, read_record
from mlflow_gitops.app.audit.record.signed_commits import SignedCommits, unsigned_commits
from mlflow_gitops.app.audit.served_files import FileReading, ServedFiles
from mlflow_gitops.app.audit.signers import Signers
from mlflow_gitops.app.evidence import WorkspaceEvidence
from mlflow_gitops.app.file_lists import FileLists
from mlflow_gitops.app.planning.desired_models import DesiredModels
from mlflow_gitops.app.planning.judging.git_signatures import GitSignatures
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.verifying.findings import Unexplained, Verification
from mlflow_gitops.core.audit.verifying.signed_versions import unsigned_versions
from mlflow_gitops.core.audit.verifying.verification import verify_model
from mlflow_gitops.core.history.history_reader import HistoryReader, former_prompts
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.edges.system.unexpected import is_unexpected, unexpected_refusal
from mlflow_gitops.errors import Failure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


class Verifier:
    """Verifies one repository's models in one registry. With `signatures`, git must accept the
    signatures of the commits that put versions into stages. With `artifacts`, the files of all
    versions in stages are read and compared with their pinned digests."""

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        *,
        signatures: SignedCommits | None = None,
        artifacts: FileReading | None = None,
    ) -> None:
        self._artifacts = artifacts
        self._workspace = workspace
        self._git = workspace.git
        self._settings = workspace.settings
        self._registry = registry
        self._tip = self._git.resolve(workspace.main_ref)
        self._line = read_main_line(workspace, self._tip)
        self._first_signed = signatures.first_index(workspace, self._line) if signatures else None
        self._evidence = WorkspaceEvidence(workspace, registry, self._line)
        self._owner = workspace.owner(self._line)
        self._signers = Signers(workspace, self._line)
        self._histories = HistoryReader(
            self._line, workspace.registry, self._git.blobs, stageless=registry.stageless
        )
        snapshot, folder = workspace.at(self._tip), workspace.registry
        self._models = DesiredModels(
            snapshot, folder, self._histories, stageless=registry.stageless
        )
        self._signed_files = GitSignatures(workspace, self._line, None)

    def verify(
        self, names: Sequence[str] = (), progress: Callable[[str], None] = lambda step: None
    ) -> Verification:
        """Verify `names`, or every model with a manifest or with this repository's stamp. Raises
        Failure for a name that has neither."""
        if self._owner is None:
            raise Failure(
                "A shallow clone cannot verify: it does not hold the whole history.",
                fix="Run git fetch --unshallow.",
            )

        progress("reading MLflow")
        observed = self._observe(names)
        stamped = {name for name, model in observed.items() if model.owner == self._owner}
        managed = stamped | self._models.by_name.keys() | self._models.invalid.keys()
        for name in names:
            if name not in managed:
                raise Failure(f"{name} has neither a manifest here nor a stamp of this repository.")

        progress("reading git history and receipts")
        selected = sorted(set(names) or managed)
        record = read_record(self._workspace, self._line, names, self._histories.renames, observed)
        findings = list(record.findings)
        read_records(
            self._evidence, self._models.by_name, selected, observed, self._registry.writers
        )
        for name in selected:
            findings += self._verify_alone(name, observed.get(name), record)

        unmanaged = sorted(observed.keys() - managed)
        judge = AcknowledgementJudge(self._workspace, self._line, self._histories, self._evidence)
        open_findings, acknowledged = judge.split(findings)
        verification = Verification(
            self._tip,
            len(selected),
            tuple(unmanaged),
            len(record.receipts),
            tuple(open_findings),
            acknowledged=tuple(acknowledged),
            unconfirmed_receipts=record.unconfirmed,
            forge_failure=record.forge_failure,
        )
        if self._artifacts is None:
            return verification
        reading = replace(self._artifacts, find_list=FileLists(self._workspace).find)
        served = ServedFiles(self._registry, self._settings, progress, reading)
        models = {name: observed[name] for name in selected if name in observed}
        return served.added_to(verification, self._models.by_name, models)

    def _observe(self, names: Sequence[str]) -> dict[str, ObservedModel]:
        desired = self._models.by_name
        prompts = [
            name
            for name in names or desired
            if name in desired and desired[name].manifest.kind == "prompt"
        ]
        if not names:
            prompts += former_prompts(self._histories, desired)
        return self._registry.observe(names or list(desired), only=bool(names), prompts=prompts)

    def _verify_alone(
        self, name: str, observed: ObservedModel | None, record: ReadRecord
    ) -> list[Unexplained]:
        """Verify one model. If that raises an unexpected exception, the model is unexplained, and
        the others are verified all the same."""
        if observed is not None and observed.fault is not None:
            detail = f"what MLflow shows of it cannot be read: {observed.fault}"
            return [Unexplained(name, "unreadable", detail)]
        try:
            return list(self._verify_model(name, observed, record))
        except Exception as error:
            if not is_unexpected(error):
                raise
            refusal = unexpected_refusal(name, error, self._settings)
            return [Unexplained(name, refusal.code, f"{refusal.detail}; {refusal.way_out}")]

    def _verify_model(
        self, name: str, observed: ObservedModel | None, record: ReadRecord
    ) -> Iterator[Unexplained]:
        if observed is None:
            if record.ledger.applied_as(self._histories.renames.periods(file_stem(name))):
                detail = (
                    "the receipts say that it was reconciled, and MLflow has no such model, or"
                    " hides it from these credentials, which then lack READ on it"
                )
                yield Unexplained(name, "model", detail)
            return

        account = ModelAccount(
            name,
            observed.base,
            record.ledger,
            self._models.by_name.get(name),
            self._line,
            self._histories,
            self._evidence,
        )
        yield from verify_model(account, observed, self._owner, record.digests)
        yield from unsigned_versions(account, observed, self._signed_files.check_now)
        yield from self._signers.findings(account)
        if self._first_signed is not None:
            yield from unsigned_commits(self._workspace, account, self._first_signed)
