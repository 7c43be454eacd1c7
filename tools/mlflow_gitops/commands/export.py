"""`export`: the evidence about one model as a tar that can be checked without this program."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlflow_gitops.app.audit.export.evidence_pack import EvidencePack
from mlflow_gitops.app.audit.trail import AuditTrail
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import note, note_for_people, print_result
from mlflow_gitops.core.wording import counted
from mlflow_gitops.errors import OK, Failure
from mlflow_gitops.render import formats
from mlflow_gitops.render.written_files import WrittenFiles
from mlflow_gitops.settings import Settings


def run(
    settings: Settings,
    model: str,
    since: str | None,
    until: str | None,
    out: Path,
    form: str,
    *,
    with_bills: bool = False,
) -> int:
    """Write the events of a model between two moments, with all that git and the receipts know
    about them; `with_bills` adds bills of materials. Raises Failure if the file cannot be written,
    or for a model that never existed."""
    trail = AuditTrail(Workspace(settings.git_alone), model)
    pack = EvidencePack(trail, since, until, with_bills)
    content = pack.archive()
    try:
        out.write_bytes(content)
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror or error}.") from None

    digest = hashlib.sha256(content).hexdigest()
    events, receipts = len(pack.events), len(pack.receipts)
    data = {"file": str(out), "sha256": digest, "events": events, "receipts": receipts}
    sentence = f"{out}: {counted(events, 'event')}, {counted(receipts, 'receipt')}, sha256 {digest}"
    print_result(formats.EXPORT, form, WrittenFiles(data, lines=[sentence]))
    note_for_people(settings, form, "Its README.md says how to check it.")
    for hint in trail.hints():
        note(settings, hint)
    return OK
