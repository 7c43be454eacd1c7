"""Compare the files of versions that are served with the digests that git pins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlflow_gitops.core.audit.verifying.findings import UncheckedFiles, Unexplained, Verification
from mlflow_gitops.core.audit.verifying.occupied_versions import occupied_versions
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.file_lists import FindList, differing_files
from mlflow_gitops.edges.system.unexpected import is_unexpected, unexpected_refusal
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.settings import Settings

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry


@dataclass(frozen=True, slots=True)
class FileReading:
    """How the files are read: all of them if `is_full`, else those that their storage does not show
    unchanged. `report` gets the number of bytes of a version that were digested so far."""

    is_full: bool = False
    report: Callable[[int], None] = lambda count: None
    find_list: FindList = lambda digest: None
    """Finds the list of files behind a pinned digest."""


class ServedFiles:
    """Reads the files of every version that holds a stage. `compared` counts the versions whose
    files were compared, `unchecked` are those without a pinned digest."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        progress: Callable[[str], None],
        reading: FileReading = FileReading(),
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._progress = progress
        self._reading = reading
        self.compared = 0
        self.unchecked: list[UncheckedFiles] = []

    def added_to(
        self,
        verification: Verification,
        desired: Mapping[str, Desired],
        observed: Mapping[str, ObservedModel],
    ) -> Verification:
        """A verification with what is wrong with the files."""
        findings = tuple(self.findings(desired, observed))
        return replace(
            verification,
            findings=(*verification.findings, *findings),
            compared_files=self.compared,
            unchecked_files=tuple(self.unchecked),
        )

    def findings(
        self, desired: Mapping[str, Desired], observed: Mapping[str, ObservedModel]
    ) -> Iterator[Unexplained]:
        """The versions whose files are not the pinned ones, or cannot be read."""
        for name, model in sorted(observed.items()):
            if model.is_prompt or model.fault is not None:
                continue
            try:
                yield from self._of_model(desired.get(name), model)
            except Exception as error:
                if not is_unexpected(error):
                    raise
                refusal = unexpected_refusal(name, error, self._settings)
                yield Unexplained(name, refusal.code, f"{refusal.detail}; {refusal.way_out}")

    def _of_model(self, desired: Desired | None, model: ObservedModel) -> Iterator[Unexplained]:
        specs = desired.manifest.versions if desired is not None else {}
        for number, stages in occupied_versions(desired, model).items():
            digest = specs.get(number, VersionSpec()).files_digest
            if digest is None:
                self.unchecked.append(UncheckedFiles(model.name, number, stages))
                continue

            self._progress(f"reading the files of {model.name} {number}")
            fault = self._fault(model.name, model.versions[number], digest)
            if fault is not None:
                detail = f"{number} holds {', '.join(stages)}, and {fault}"
                yield Unexplained(model.name, f"files {number}", detail)

    def _fault(self, model: str, version: ObservedVersion, digest: str) -> str | None:
        """What is wrong with the files of a version; None if they are the pinned ones."""
        try:
            reading = self._reading
            files = self._registry.files(model, version, reading.report, cached=not reading.is_full)
        except RegistryFailure as failure:
            return f"its files cannot be compared with the pinned digest: {failure}"
        self.compared += 1
        if files.digest == digest:
            return None
        differing = differing_files(files, self._reading.find_list(digest))
        return f"its files have the digest {files.digest}, pinned is {digest}: {differing}"
