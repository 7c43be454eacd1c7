"""The audit trail of a line, as the product makes it, in the form of `slow_audit`."""

from __future__ import annotations

from mlflow_gitops.core.audit.events import in_order, model_timelines, policy_events
from mlflow_gitops.core.audit.ledger import Ledger
from mlflow_gitops.core.audit.trail import EventAuditor
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.history.mainline import MainLine
from mlflow_gitops.core.manifests.blob_reader import ManifestReader
from mlflow_gitops.edges.git.repository import Git
from tests.support.git_histories import REGISTRY


def events(
    git: Git, line: MainLine, reader: ManifestReader | None = None
) -> list[dict[str, object]]:
    """Every event of a line with the people behind it. `reader` may have read some
    blobs already."""
    histories = HistoryReader(line, REGISTRY, git.blobs, reader=reader)
    timelines = model_timelines(line, histories, keeps_states=reader is None)
    found = in_order(
        [
            *policy_events(line, histories),
            *(event for timeline in timelines for event in timeline.events),
        ]
    )
    merged = git.merged_commits(line, {event.index for event in found}, REGISTRY)
    changes = (event for event in found if event.kind == "stage")
    ledger = Ledger([], line.index, None)
    auditor = EventAuditor(line, REGISTRY, changes, ledger, merged, histories.judge)
    return [
        {
            "type": audited.event.kind,
            "commit": audited.event.commit.sha,
            "model": audited.event.model,
            "stage": audited.event.stage,
            "from": list(audited.event.before),
            "to": list(audited.event.after),
            "author": audited.people.author,
            "co_authors": list(audited.people.co_authors),
            "merged_by": audited.people.merged_by,
            "subject": audited.event.commit.subject,
        }
        for audited in map(auditor.audit, found)
    ]
