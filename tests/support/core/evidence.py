"""Evidence for tests: it knows what a test gives it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlflow_gitops.core.gates import Gate
from mlflow_gitops.core.gates.change_approvals import Approvals
from mlflow_gitops.core.health.values import LiveValues
from mlflow_gitops.core.history.mainline import Commit, StatedMessage
from mlflow_gitops.core.history.tenures import ReconciledHistory
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.check_records import CheckRecord
from mlflow_gitops.core.recorded.signed_files import SignedFiles
from mlflow_gitops.core.recorded.values import ModelFile, Record


class FakeEvidence:
    """The methods of `core.verdicts.Evidence`, each answered by a function that a test gives. Left
    out: every commit is merged, and nothing is known of anything."""

    def __init__(
        self,
        *,
        read: Callable[[ObservedVersion], Record | None] = lambda version: None,
        read_file: Callable[[str, ObservedVersion], ModelFile | None] = lambda model, version: None,
        read_paths: Callable[[str, ObservedVersion], tuple[str, ...]] = lambda model, version: (),
        signed: Callable[[str], SignedFiles] = lambda keys: SignedFiles(fault="unknown"),
        checks: Callable[[str], tuple[CheckRecord, ...]] = lambda experiment: (),
        origin: Callable[[OriginPin], ObservedVersion | None] = lambda pin: None,
        messages: Callable[[Commit, str], Iterable[str | StatedMessage]] = lambda commit, file: (),
        approvals: Callable[[Commit, str], Approvals | None] = lambda commit, file: None,
        claims: Callable[[Commit], Approvals] = lambda commit: Approvals(),
        live: LiveValues | None = None,
        reconciles: Callable[[str], ReconciledHistory] = lambda model: ReconciledHistory(),
        merged: Callable[[Commit], bool] = lambda commit: True,
        without_aliases: str | None = None,
        plugins: Callable[[], Mapping[str, Gate[Any]]] = dict,
    ) -> None:
        self.record = read
        self.model_file = read_file
        self.file_paths = read_paths
        self.signed_files = lambda model, version, keys, commit: signed(keys)
        self.check_records = lambda experiment, digest: checks(experiment)
        self.live_values = lambda version, declared: live
        self.version_at_origin = origin
        self.lack_of_aliases = lambda: without_aliases
        self.messages = lambda commit, file: [
            StatedMessage(text) if isinstance(text, str) else text
            for text in messages(commit, file)
        ]
        self.approvals = approvals
        self.claims = claims
        self.reconciles = reconciles
        self.is_merged = merged
        self.plugin_gate = lambda name: plugins().get(name)


NO_EVIDENCE = FakeEvidence()
