"""What a gate may ask: one version that comes to hold one stage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.change_approvals import Approvals, Reviewed
    from mlflow_gitops.core.health.values import LiveValues
    from mlflow_gitops.core.recorded.check_records import CheckRecord
    from mlflow_gitops.core.recorded.signed_files import SignedFiles
    from mlflow_gitops.core.recorded.values import ModelFile, Record


class Version(Protocol):
    """A version as MLflow shows it. `status` is empty if MLflow does not have it yet."""

    @property
    def number(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def run_id(self) -> str | None: ...
    @property
    def source(self) -> str | None: ...
    @property
    def model_id(self) -> str | None: ...


class Subject(Protocol):
    """One version that comes to hold one stage, and everything that a gate may ask about it.

    Methods that need MLflow's run and artifacts, another environment or the forge raise
    `Unreadable` if these give no answer.
    """

    @property
    def model(self) -> str:
        """The name of the registered model, or of the prompt."""

    @property
    def stage(self) -> str:
        """The stage that the version comes to hold."""

    @property
    def number(self) -> int:
        """The version's number."""

    @property
    def version(self) -> Version:
        """The version as MLflow shows it, or as its pin describes it if MLflow does not have it."""

    @property
    def is_registered(self) -> bool:
        """Whether MLflow has the version."""

    @property
    def is_prompt(self) -> bool:
        """Whether this is a version of a prompt, not of a model."""

    @property
    def is_pinned(self) -> bool:
        """Whether the manifest pins what the version is: its run, source, logged model or text."""

    @property
    def pinned_digest(self) -> str | None:
        """The digest of the version's files that the manifest pins, `sha256:…`; None without
        one."""

    @property
    def copied_from(self) -> str | None:
        """`environment/version` if the version is still to be copied from there."""

    @property
    def making_commit(self) -> str | None:
        """The SHA of the commit that gives the stage to the version; None if uncommitted."""

    @property
    def is_merged(self) -> bool:
        """Whether the making commit is on the main line."""

    @property
    def now(self) -> str:
        """The time of the judgement, RFC 3339 in UTC."""

    def was_in(self, stage: str) -> bool:
        """Whether git had the version in a stage right before the making commit."""

    def in_stage_since(self, stage: str) -> datetime | None:
        """When the present unbroken stay in a stage began: the later of its merge and the time when
        a reconcile put the version there. None if it is not there, or no reconcile put it there."""

    def held(self, stage: str) -> datetime | None:
        """When a reconcile put the version into a stage that it has not left since, by its receipt;
        None if no receipt says so."""

    def receipts_hint(self) -> str | None:
        """How to fetch receipts that may be missing in this clone; None if it has all."""

    def holder(self, stage: str) -> int | None:
        """The version that held a stage before: by git, or by MLflow if git has no base. If several
        do, the highest number, which is the one that MLflow serves."""

    def other_version(self, number: int) -> Version | None:
        """Another version of the same model as MLflow shows it; None if MLflow does not have it."""

    def tags(self) -> Mapping[str, str]:
        """The version's tags in MLflow; if it is still to be copied, the tags that it will have."""

    def declares_tag(self, key: str) -> bool:
        """Whether the manifest, now or at any commit since the last reconcile, declares a tag of
        the version: then reconcile wrote it, and its value says nothing."""

    def read(self, version: Version) -> Record | None:
        """What the version's run and logged model recorded; None if it has neither."""

    def read_file(self, version: Version) -> ModelFile | None:
        """What the version's artifacts say about themselves; None if it has no `MLmodel` file."""

    def file_paths(self, version: Version) -> tuple[str, ...]:
        """The paths of the version's files below its folder, with forward slashes, as its storage
        lists them; empty if it has none."""

    def signed_files(self, keys: str) -> SignedFiles:
        """The files that the version's signature in git lists. Keys of the folder `keys` count as
        they were before the change."""

    def check_records(self, experiment: str, digest: str) -> tuple[CheckRecord, ...]:
        """The checks of the files with this digest that an experiment of MLflow holds."""

    def live_values(self) -> LiveValues:
        """What monitors the version. Its methods raise NoValue."""

    def approvals(self) -> Approvals | None:
        """What the forge knows about the making commit's approvals; None if no forge is
        configured."""

    def claims(self) -> Approvals:
        """What the making commit's messages claim about its approvals; nobody has checked this."""

    def differs_from(self, reviewed: Reviewed) -> str | None:
        """What the change does to this version that the manifest at the approved head does not: a
        verb and its object. None if the whole entry is the same."""
