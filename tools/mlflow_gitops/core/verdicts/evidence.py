"""Where judging gets what neither manifests in git nor the registry's listing holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mlflow_gitops.core.history.mainline import Commit, StatedMessage
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import ModelFile, Record

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.change_approvals import Approvals
    from mlflow_gitops.core.gates.gate import Gate
    from mlflow_gitops.core.health.values import LiveValues
    from mlflow_gitops.core.history.tenures import ReconciledHistory
    from mlflow_gitops.core.recorded.check_records import CheckRecord
    from mlflow_gitops.core.recorded.signed_files import SignedFiles


class RecordedEvidence(Protocol):
    """What MLflow recorded of versions. Methods raise Unreadable if MLflow does not give it."""

    def record(self, version: ObservedVersion) -> Record | None:
        """A version's run and logged model; None if it has neither."""

    def model_file(self, model: str, version: ObservedVersion) -> ModelFile | None:
        """What a version's artifacts say about themselves; None if it has no `MLmodel` file."""

    def file_paths(self, model: str, version: ObservedVersion) -> tuple[str, ...]:
        """The paths of a version's files, as their storage lists them."""

    def check_records(self, experiment: str, digest: str) -> tuple[CheckRecord, ...]:
        """The checks of the files with this digest that an experiment holds."""


class Evidence(RecordedEvidence, Protocol):
    """Everything that gates and refusals may ask for. Methods raise Unreadable if the other system
    gives no answer."""

    def version_at_origin(self, pin: OriginPin) -> ObservedVersion | None:
        """A version of another environment as that environment's MLflow shows it; None if it is
        not there."""

    def lack_of_aliases(self) -> str | None:
        """Why the registry keeps no aliases; None if it keeps them, or may."""

    def signed_files(
        self, names: Sequence[str], version: int, keys: str, commit: Commit | None
    ) -> SignedFiles:
        """The files that a version's signature in git lists. `names` is the model's name, and the
        ones that it had before. Keys of the folder `keys` count as
        they were before the change that `commit` belongs to."""

    def live_values(self, version: ObservedVersion, declared: Collection[str]) -> LiveValues:
        """What monitors a version. The manifest declares the tags `declared`, so that they say
        nothing."""

    def messages(self, commit: Commit, file: str) -> Iterable[StatedMessage]:
        """The commit messages that speak for a commit's change of a file."""

    def approvals(self, commit: Commit, file: str) -> Approvals | None:
        """What the forge knows about a commit's approvals; None if no forge is configured."""

    def claims(self, commit: Commit) -> Approvals:
        """What a commit's own messages claim about its approvals."""

    def reconciles(self, model: str) -> ReconciledHistory:
        """What the receipts in this clone record about a model."""

    def is_merged(self, commit: Commit) -> bool:
        """Whether a commit is on the main line."""

    def plugin_gate(self, name: str) -> Gate[Any] | None:
        """A gate of another package; None if it is not installed. Raises what its import raises."""
