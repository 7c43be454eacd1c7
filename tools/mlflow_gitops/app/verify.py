"""Where `verify` gets its facts: the main line and its receipts from git, what MLflow holds, and
what only the forge knows.

The judgement is `core.verification`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mlflow_gitops.app.evidence import WorkspaceEvidence
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.receipts import Receipt, broken_links
from mlflow_gitops.core.audit.verification import (
    Account,
    Questions,
    Reconciled,
    Unexplained,
    Verification,
    runs_by_model,
    verify_model,
)
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.stage_entries import Entry
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.edges.git.notes import Notes
from mlflow_gitops.errors import Failure

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


class Verifier:
    """Verifies one repository's models in one registry. With `signatures`, the commits that put a
    version where it is must be signed, by git's own judgement."""

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        *,
        signatures: bool = False,
    ) -> None:
        self._git = workspace.git
        self._registry = registry
        self._signatures = signatures
        self._tip = self._git.resolve(workspace.main_ref)
        self._line = self._git.line(self._tip, workspace.registry)
        self._evidence = WorkspaceEvidence(workspace, registry, self._line)
        self._owner = workspace.owner(self._line)
        self._snapshot = workspace.at(self._tip)
        self._histories = HistoryReader(
            self._line, workspace.registry, self._git.blobs, stageless=registry.stageless
        )
        self._notes = Notes.of(self._git)

    def verify(
        self, names: Sequence[str] = (), progress: Callable[[str], None] = lambda step: None
    ) -> Verification:
        """Verify `names`, or every model with a manifest or with our stamp. Raises Failure for a
        name that is neither."""
        if self._owner is None:
            raise Failure(
                "A shallow clone cannot verify: it does not hold the history. Run git fetch"
                " --unshallow."
            )
        progress("reading MLflow")
        known = self._snapshot.manifests
        prompts = [
            name for name in names or known if name in known and known[name].kind == "prompt"
        ]
        if not names:
            prompts += self._histories.former_prompts(known)
        observed = self._registry.observe(names or list(known), only=bool(names), prompts=prompts)
        ours = {
            name for name, model in observed.items() if model.owner == self._owner
        } | self._snapshot.manifests.keys()
        for name in names:
            if name not in ours:
                raise Failure(f"{name} has neither a manifest here nor a stamp of this repository.")
        progress("reading git history and receipts")
        receipts = self._notes.receipts()
        managed = sorted(ours & set(names) if names else ours)
        findings = [*self._chain(receipts)]
        runs = runs_by_model(receipts, self._owner, self._line.index)
        digests = frozenset(receipt.digest for receipt in receipts)
        for name in managed:
            findings += self._model(name, observed.get(name), runs.get(name, []), digests)
        strangers = sorted(m.name for m in observed.values() if m.name not in ours)
        return Verification(
            self._tip, len(managed), tuple(strangers), len(receipts), tuple(findings)
        )

    def _chain(self, receipts: Sequence[Receipt]) -> Iterator[Unexplained]:
        if not receipts:
            way = (
                f"git fetch {self._notes.remote}"
                " 'refs/notes/mlflow-gitops:refs/notes/mlflow-gitops'"
            )
            hint = f"; fetch them: {way}" if self._notes.remote else ""
            yield Unexplained("", "receipts", f"there are no receipts here{hint}")
        for receipt in broken_links(receipts):
            at = f"{receipt.at} on {receipt.commit[:12]}"
            yield Unexplained(
                "",
                "receipts",
                f"the receipt of {at} names one before it that was deleted or edited",
            )

    def _model(
        self,
        name: str,
        seen: ObservedModel | None,
        runs: Sequence[Reconciled],
        digests: frozenset[str],
    ) -> Iterator[Unexplained]:
        if seen is None:
            if runs:
                yield Unexplained(
                    name,
                    "model",
                    "the receipts say that it was reconciled, and MLflow has no such model",
                )
            return
        stem, shas = file_stem(name), self._line.shas
        known = seen.base is not None and seen.base in self._line.index
        points = self._histories.points_until(stem, seen.base or "") if known else []
        base = (
            (self._line.commits.get(seen.base or "") or Commit(seen.base or "", "", "", ""))
            if known
            else None
        )

        def standing(place: int) -> tuple[Entry, ...]:
            return self._histories.entries_at(stem, shas[place])

        def made_at(place: int) -> str | None:
            there = self._histories.points_until(stem, shas[place])
            return there[-1].commit.sha if there and there[-1].commit else None

        places = self._line.index
        account = Account(name, base, points, standing, runs, places, made_at, self._tip_of(name))
        yield from verify_model(
            account, seen, self._owner, digests, Questions(self._evidence.record, self._approvers)
        )
        if self._signatures and base is not None:
            holders = standing(self._line.index[base.sha])
            for made in dict.fromkeys(entry.made for entry in holders if entry.made is not None):
                if fault := self._git.signature_fault(made.sha):
                    yield Unexplained(
                        name, "signature", f'{made.sha[:12]} "{made.subject}" {fault}'
                    )

    def _tip_of(self, name: str) -> Desired | None:
        manifest = self._snapshot.manifests.get(name)
        return (
            Desired(manifest, self._snapshot.policy.for_model(name, manifest.kind))
            if manifest
            else None
        )

    def _approvers(self, commit: Commit, file: str) -> int | None:
        try:
            known = self._evidence.approvals(commit, file)
        except Unreadable:
            return None
        return len(known.by) if known is not None else None
