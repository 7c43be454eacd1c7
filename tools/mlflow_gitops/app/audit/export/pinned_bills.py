"""Bills of materials from git and receipts alone, for the evidence pack and the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.file_lists import FileLists
from mlflow_gitops.app.serving.bills import pinned_bill
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.render.serving.bill import cyclonedx


def pinned_bills(
    workspace: Workspace, manifest: Manifest, versions: Iterable[int]
) -> Mapping[int, tuple[str, bytes]]:
    """The bill of each version, by number: the name of its file, and its text. There is none for a
    prompt. The same repository and receipts give the same bytes. Raises Failure without the extra.
    """
    if manifest.kind == "prompt":
        return {}
    find_list = FileLists(workspace).recorded
    bills = {}
    for number in sorted(set(versions)):
        spec = manifest.versions.get(number, VersionSpec())
        text = cyclonedx(pinned_bill(manifest.name, number, spec, find_list))
        bills[number] = f"{file_stem(manifest.name)}-{number}.cdx.json", text.encode()
    return bills


def bills_of_events(trail: AuditTrail, events: Iterable[AuditedEvent]) -> dict[str, bytes]:
    """The bills of the versions that got a stage in these events of one model, by their path in the
    evidence pack, with the pins of the main line's tip."""
    [timeline] = trail.timelines
    desired = timeline.desired_at(len(trail.line.shas) - 1)
    if desired is None:
        return {}
    versions = {version for audited in events for version in audited.event.after}
    bills = pinned_bills(trail.workspace, desired.manifest, versions)
    return {f"boms/{name}": text for name, text in bills.values()}
