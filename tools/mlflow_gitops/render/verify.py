"""What `verify` found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.core.audit.record.acknowledgements import line_to_write
from mlflow_gitops.core.audit.verifying.findings import Unexplained, Verification
from mlflow_gitops.core.wording import counted, shell_words
from mlflow_gitops.render.markdown_safe import Block, bounded, code
from mlflow_gitops.render.terminal import Style, json_document, safe


def json(verification: Verification) -> Iterator[str]:
    """The verification as one JSON document (DESIGN §5)."""
    data = {
        "commit": verification.commit,
        "models": verification.models,
        "unmanaged": list(verification.unmanaged),
        "receipts": verification.receipts,
        "unconfirmed_receipts": verification.unconfirmed_receipts,
        "unconfirmed_because": verification.forge_failure,
        "unexplained": [_finding_data(finding) for finding in verification.findings],
        "acknowledged": [
            {
                **_finding_data(acknowledged.finding),
                "by": acknowledged.by.author,
                "by_source": "commit",
                "commit": acknowledged.by.commit,
                "at": acknowledged.by.at,
                "reason": acknowledged.by.reason,
                "approved_by": list(acknowledged.by.approved_by),
            }
            for acknowledged in verification.acknowledged
        ],
        "artifacts": _artifacts(verification),
    }
    return json_document(data)


def _finding_data(finding: Unexplained) -> dict[str, object]:
    return {
        "model": finding.model or None,
        "field": finding.field,
        "detail": finding.detail,
        "receipt": finding.receipt,
    }


def _artifacts(verification: Verification) -> dict[str, object] | None:
    """What `--artifacts` read; None without it."""
    if verification.compared_files is None:
        return None
    return {
        "compared": verification.compared_files,
        "not_checkable": [
            {"model": files.model, "version": files.version, "stages": list(files.stages)}
            for files in verification.unchecked_files
        ],
    }


def text(verification: Verification, style: Style | None = None) -> Iterator[str]:
    """What is unexplained, by model, then one line that counts."""
    style = style or Style()
    by_model: dict[str, list[Unexplained]] = {}
    shown, consequences = _without_consequences(verification)
    for finding in shown:
        by_model.setdefault(finding.model, []).append(finding)

    for model, findings in by_model.items():
        yield style(safe(model) or "Receipts", "bold")
        for finding in findings:
            yield f"  {style('✗', 'red')} {safe(finding.field)}: {safe(finding.detail)}"
    if consequences:
        follow = "finding follows" if consequences == 1 else "findings follow"
        yield f"{consequences} more {follow} from the missing receipts; --format json lists all."
    yield from _acknowledgements(verification, style)
    for files in verification.unchecked_files:
        name, stages = safe(files.model), safe(", ".join(files.stages))
        yield (
            f"{style('-', 'dim')} {name} {files.version} ({stages}): its files cannot be checked;"
            f" pin their digest: mlflow-gitops pin {shell_words(name, files.version)}"
        )
    yield _total(verification)


def _without_consequences(verification: Verification) -> tuple[list[Unexplained], int]:
    """The findings to show, and how many more there are. In a clone without receipts, no receipt
    explains anything, which need not be said of each model."""
    findings = list(verification.findings)
    if verification.receipts or not any(_is_missing_record(finding) for finding in findings):
        return findings, 0
    shown = [finding for finding in findings if not _asks_for_receipts(finding)]
    return shown, len(findings) - len(shown)


def _is_missing_record(finding: Unexplained) -> bool:
    return not finding.model and finding.field == "receipts"


def _asks_for_receipts(finding: Unexplained) -> bool:
    is_of_model = bool(finding.model)
    return is_of_model and (
        finding.field in ("commit", "receipt") or finding.field.startswith("held ")
    )


def _acknowledgements(verification: Verification, style: Style) -> Iterator[str]:
    """Who acknowledged what, as commits claim, and the lines to acknowledge the rest with."""
    for acknowledged in verification.acknowledged:
        finding, line = acknowledged.finding, acknowledged.by
        subject = f"{safe(finding.model) or 'receipts'}: {safe(finding.field)}"
        author = f"{safe(line.author)}, as {line.commit[:7]} claims"
        if line.approved_by:
            author += f" (approved by {safe(', '.join(line.approved_by))})"
        mark = style("-", "dim")
        yield f"{mark} {subject} is acknowledged by {author}: {safe(line.reason)}"
    to_write = lines_to_write(verification)
    if to_write:
        yield "To acknowledge, after looking at it, write into a commit message on the main branch:"
        yield from (f"  {line}" for line in to_write)


def lines_to_write(verification: Verification) -> list[str]:
    """The line that acknowledges each receipt with a finding that nothing else makes go away."""
    digests = (finding.receipt for finding in verification.findings if finding.receipt)
    return [line_to_write(digest) for digest in dict.fromkeys(digests)]


def markdown(verification: Verification) -> Iterator[str]:
    """What is unexplained as a page for an issue; what does not fit is counted."""
    blocks = []
    for finding in verification.findings:
        name = code(finding.model) if finding.model else "receipts"
        line = f"- {name}: {code(finding.field)}: {code(finding.detail, 1_000)}"
        blocks.append(Block(line, line, urgent=True))
    for files in verification.unchecked_files:
        stages = code(", ".join(files.stages))
        line = f"- {code(files.model)}: the files of {files.version} ({stages}) cannot be checked"
        blocks.append(Block(line, line))
    for to_write in lines_to_write(verification):
        line = f"- to acknowledge it, in a commit message on the main branch: {code(to_write)}"
        blocks.append(Block(line, line))
    yield bounded(f"**{_total(verification)}**", blocks, "", "finding", separator="\n")


def _total(verification: Verification) -> str:
    models = counted(verification.models, "model")
    receipts = counted(verification.receipts, "receipt")
    if verification.findings:
        result = f"{len(verification.findings)} unexplained"
    else:
        result = f"all explained by {verification.commit[:7]}"

    unmanaged = len(verification.unmanaged)
    suffix = f"; {unmanaged} more in MLflow that nobody manages here" if unmanaged else ""
    if verification.compared_files is not None:
        suffix += f"; the files of {counted(verification.compared_files, 'version')} compared"
    if verification.unconfirmed_receipts:
        unconfirmed = counted(verification.unconfirmed_receipts, "receipt")
        suffix += f"; people and runs in {unconfirmed} are claims that no forge confirmed"
        if verification.forge_failure is not None:
            suffix += f" ({verification.forge_failure.rstrip('.')})"
    if verification.acknowledged:
        suffix += f"; {len(verification.acknowledged)} acknowledged"
    return f"Verified {models} by {receipts}: {result}{suffix}."
