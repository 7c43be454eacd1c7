"""Collects what git and the receipts say about one model between two moments (`export`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from mlflow_gitops.app.audit.export.exported_receipts import (
    MAX_COMMIT,
    commit_object,
    gate_values,
    receipt_commits,
)
from mlflow_gitops.app.audit.export.pinned_bills import bills_of_events
from mlflow_gitops.app.audit.selection import select_events
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.audit.export.archive import archive
from mlflow_gitops.core.audit.receipts import Receipt
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.history.line.line_files import FileState
from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import stem_of
from mlflow_gitops.core.times import parse_time
from mlflow_gitops.render.audit.pack_readme import pack_readme
from mlflow_gitops.render.log import event_data

_DIGITS = 12


@dataclass(frozen=True)
class EvidencePack:
    """The evidence about the model of a trail: its events from `since` to `until`, each a time or a
    revision or None, and the receipts about them."""

    trail: AuditTrail
    since: str | None
    until: str | None
    with_bills: bool = False
    """Whether it has a bill of materials of each version of its events."""

    @cached_property
    def events(self) -> list[AuditedEvent]:
        """The events, oldest first."""
        return self.trail.audit(select_events(self.trail, None, self.since, self.until))

    @cached_property
    def receipts(self) -> list[Receipt]:
        """The receipts about the model, written in that time, oldest first."""
        moments = self.trail.moments
        start, end = moments.index_range(self.since, self.until)
        span = moments.span(self.until) if self.until is not None else None
        return [
            receipt
            for receipt in self.trail.ledger.receipts
            if self._recorded(receipt)
            and self.trail.line.index[receipt.commit] >= start
            and (span is not None or self.trail.line.index[receipt.commit] < end)
            and (span is None or parse_time(receipt.at).timestamp() <= span.last)
        ]

    def archive(self) -> bytes:
        """The tar: the same repository and range give the same bytes."""
        [timeline] = self.trail.timelines
        return archive(self._files(), f"evidence-{file_stem(timeline.model)}")

    def _files(self) -> dict[str, bytes]:
        [timeline] = self.trail.timelines
        git, registry = self.trail.workspace.git, self.trail.workspace.registry
        commits = {audited.event.commit.sha for audited in self.events}
        contents = self._contents
        files = {path: contents[blob] for blob, path in self._paths.items() if blob in contents}
        files |= {f"commits/{sha}": commit_object(git, sha) for sha in sorted(commits)}
        files |= {
            f"receipts/{receipt.digest}.json": receipt.text.encode() for receipt in self.receipts
        }
        added_by = receipt_commits(self.trail.workspace.receipts_branch, self.receipts)
        files |= added_by

        tip = self.trail.line.shas[-1]
        signers = git.head_of_output(
            MAX_COMMIT, "ls-tree", tip, "--", f"{registry}/allowed_signers"
        ).split()
        if len(signers) > 2:
            blob = signers[2].decode()
            files["allowed_signers"] = git.blobs([blob]).get(blob, b"")

        files["events.json"] = _json([self._event(audited) for audited in self.events])
        files["approvals.json"] = _json(self._approvals())
        files["gates.json"] = _json(
            [
                gate_values(receipt, content)
                for receipt in self.receipts
                for content in self._recorded(receipt)
            ]
        )
        if self.with_bills:
            files |= bills_of_events(self.trail, self.events)
        signed = sum(name.endswith(".sig") for name in added_by)
        text = pack_readme(
            timeline.model,
            self.since or "the beginning",
            self.until or f"commit {tip[:_DIGITS]}",
            signed,
            len(self.receipts),
            _branches(self.trail.workspace),
        )
        files["README.md"] = text.encode()
        return files

    def _recorded(self, receipt: Receipt) -> Sequence[Mapping[str, Any]]:
        """What a receipt records about the model, under the name that it had then."""
        [timeline] = self.trail.timelines
        index = self.trail.line.index[receipt.commit]
        return [
            recorded.content
            for recorded in receipt.models()
            if timeline.is_about(recorded.model, index)
        ]

    @cached_property
    def _states(self) -> list[FileState]:
        [timeline] = self.trail.timelines
        return self.trail.histories.renames.states(file_stem(timeline.model), None)

    def _state(self, index: int) -> FileState | None:
        """The manifest and the policy after a commit of the line."""
        earlier = [state for state in self._states if state.position <= index]
        return earlier[-1] if earlier else None

    @cached_property
    def _paths(self) -> dict[str, str]:
        """The path in the pack of each manifest and policy, by blob id."""
        paths: dict[str, str] = {}
        for audited in self.events:
            state = self._state(audited.event.index)
            if state is not None and state.manifest is not None:
                blob, path = state.manifest
                paths[blob] = f"manifests/{blob[:_DIGITS]}-{stem_of(path)}.yaml"
            if state is not None and state.policy is not None:
                paths[state.policy] = f"policies/{state.policy[:_DIGITS]}-policy.yaml"
        return paths

    @cached_property
    def _contents(self) -> Mapping[str, bytes]:
        return self.trail.workspace.git.blobs(self._paths)

    def _event(self, audited: AuditedEvent) -> dict[str, Any]:
        state = self._state(audited.event.index)
        manifest = state.manifest[0] if state and state.manifest else None
        policy = state.policy if state else None
        return {
            **event_data(audited),
            "manifest": self._file(manifest),
            "policy": self._file(policy),
        }

    def _file(self, blob: str | None) -> dict[str, str] | None:
        if blob is None or blob not in self._contents:
            return None
        return {"blob": blob, "file": self._paths[blob]}

    def _approvals(self) -> list[dict[str, Any]]:
        """For each commit: everything that a receipt recorded about the people behind it."""
        approvals: dict[str, dict[str, Any]] = {}
        for audited in self.events:
            event, people = audited.event, audited.people
            recorded = self.trail.ledger.vouched(event.model or "", event.commit.sha)
            approvals[event.commit.sha] = {
                "commit": event.commit.sha,
                "approved_by": list(people.approved_by),
                "approved_by_source": people.approved_by_source,
                "pr": people.pull_request,
                "pr_source": people.pull_request_source,
                "merged_by": people.merged_by,
                "recorded": asdict(recorded) if recorded is not None else None,
            }
        return list(approvals.values())


def _branches(workspace: Workspace) -> tuple[str, str]:
    """The names of the main branch and of that of receipts, as the remote has them."""
    receipts = workspace.receipts_branch
    return workspace.main_ref.removeprefix(f"{receipts.remote}/"), receipts.name


def _json(value: Any) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return f"{text}\n".encode("utf-8", "surrogateescape")
