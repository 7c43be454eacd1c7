"""What a check of a version measured, and whether that is what the policy asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow_gitops.core.gates.gate import Finding
from mlflow_gitops.core.recorded.check_result import VersionCheck
from mlflow_gitops.core.recorded.numbers import format_size, short
from mlflow_gitops.render.markdown_safe import cell, code, prose, table
from mlflow_gitops.render.terminal import json_document, safe


@dataclass(frozen=True, slots=True)
class CheckOutput:
    """A result, what the gates of each stage would make of it, and the run that records it."""

    result: VersionCheck
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    run_id: str | None = None

    @property
    def has_passed(self) -> bool:
        """Whether the check passed, and each bound of the policy is kept."""
        findings = (finding for values in self.findings.values() for finding in values)
        return self.result.has_passed and all(finding.status == "passed" for finding in findings)


def text(output: CheckOutput) -> Iterator[str]:
    """One fact a line."""
    result = output.result
    outcome = "passed" if output.has_passed else "failed"
    yield safe(f"{result.model} {result.version}: {outcome}")
    for name, value in _facts(output):
        yield f"  {name:<12} {safe(value)}"
    for fault in result.faults:
        yield f"  ✗ {safe(fault)}"
    for stage, finding in _listed(output):
        yield f"  {_mark(finding)} {safe(stage)}: {safe(finding.detail)}"


def json(output: CheckOutput) -> Iterator[str]:
    """One JSON document, which `check --result` reads again."""
    return json_document(output.result.document())


def markdown(output: CheckOutput) -> Iterator[str]:
    """For the summary of a job."""
    result = output.result
    outcome = "passed" if output.has_passed else "failed"
    yield f"### {code(f'{result.model} {result.version}')}: {outcome}"
    yield ""
    yield from table(("", ""), [(name, cell(value)) for name, value in _facts(output)]).splitlines()
    yield ""
    for fault in result.faults:
        yield f"- ❌ {prose(fault)}"
    for stage, finding in _listed(output):
        mark = "✅" if finding.status == "passed" else "❌"
        yield f"- {mark} {code(stage)}: {prose(finding.detail)}"


def _listed(output: CheckOutput) -> Iterator[tuple[str, Finding]]:
    return ((stage, item) for stage, items in output.findings.items() for item in items)


def _mark(finding: Finding) -> str:
    return "✓" if finding.status == "passed" else "✗"


def _facts(output: CheckOutput) -> Iterator[tuple[str, str]]:
    result = output.result
    yield "digest", result.digest
    yield (
        "environment",
        " ".join(
            part
            for part in (
                result.env_manager,
                f"Python {result.python}" if result.python else "",
                f"MLflow {result.mlflow}" if result.mlflow else "",
            )
            if part
        ),
    )
    if result.load_seconds is not None:
        yield "load", f"{short(result.load_seconds)} s"
    if result.latency_p50_ms is not None and result.latency_p95_ms is not None:
        latencies = f"p50 {short(result.latency_p50_ms)} ms, p95 {short(result.latency_p95_ms)} ms"
        yield "latency", f"{latencies} of {result.calls} predictions"
    if result.peak_memory_bytes is not None:
        yield "memory", format_size(result.peak_memory_bytes)
    for name, value in sorted(result.metrics.items()):
        yield name, short(value)
    if output.run_id is not None:
        yield "recorded as", output.run_id
