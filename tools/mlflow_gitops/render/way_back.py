"""Pull requests and issues about unhealthy versions, and the outcomes of a run. What monitors and
people wrote appears as code or as plain words (`render/markdown_safe.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mlflow_gitops.core.authoring.proposals import title_name
from mlflow_gitops.core.health.verdict import HealthCheck, HealthVerdict
from mlflow_gitops.core.health.way_back import EarlierHolder
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.markdown_safe import cell, code, prose, table
from mlflow_gitops.render.terminal import safe

WayBackResult = Literal[
    "opened", "updated", "unchanged", "withdrawn", "reported", "closed", "left", "waits", "none"
]

_HEADS = ("check", "value", "limit", "in a row", "state", "asked")
_FORGE_WORDS = re.compile(r"[^\w .,:;()<>≤≥=%+-]|(?<=[Gg][Hh])-")
"""What a commit message may not have: a mention, a reference, an address, the end of a line."""


@dataclass(frozen=True, slots=True)
class WayBackOutcome:
    """What a run did about one stage of a model, or why it did nothing. `url` is that of the pull
    request or issue."""

    model: str
    stage: str
    result: WayBackResult
    reason: str
    url: str | None = None


def evidence_line(verdict: HealthVerdict) -> str:
    """Why a version is unhealthy, for a commit's message: names of checks and numbers alone."""
    checks = verdict.failing or verdict.checks
    parts = [_check_words(check) for check in checks]
    samples = f" over {verdict.samples} samples" if verdict.samples is not None else ""
    evidence = f"version {verdict.version} in {verdict.stage}: {', '.join(parts)}{samples}"
    return f"Health-Evidence: {_FORGE_WORDS.sub('_', evidence)}"


def _check_words(check: HealthCheck) -> str:
    value = f"{check.value:g}" if check.value is not None else "no value"
    return f"{check.name} was {value} (limit {check.limit}, {check.failures} in a row)"


def pull_request(verdict: HealthVerdict, target: EarlierHolder) -> str:
    """The text of a pull request that rolls a stage back."""
    versions = version_list(target.versions)
    parts = [
        f"Version {verdict.version} of {code(verdict.model)} is unhealthy in {code(verdict.stage)}."
        f" Once this is merged, {versions} holds {code(verdict.stage)} again.",
        _measured(verdict),
        f"At the end of its window there, {versions} was healthy: {prose(target.evidence)}",
        "This needs the approvals that the policy asks for. It is closed by itself when"
        f" {verdict.version} is healthy again, or no longer holds {code(verdict.stage)}. Close it"
        f" without a merge, and it is not opened again while {verdict.version} stays there.",
    ]
    return "\n\n".join(parts)


def issue(verdict: HealthVerdict, reason: str) -> str:
    """The text of an issue about an unhealthy version."""
    closing = "This issue is closed by itself when the version is healthy again, or leaves."
    return "\n\n".join([prose(reason), _measured(verdict), closing])


def issue_title(verdict: HealthVerdict) -> str:
    """The title of that issue."""
    return f"{title_name(verdict.model)} {verdict.version} is unhealthy in {verdict.stage}"


def _measured(verdict: HealthVerdict) -> str:
    """The checks with their numbers and queries, and the samples."""
    rows = [
        (
            cell(check.name),
            cell(f"{check.value:g}") if check.value is not None else "none",
            cell(check.limit),
            f"{check.failures} of {check.failures_limit}",
            check.state,
            cell(check.query, 1_000),
        )
        for check in verdict.checks
    ]
    parts = [prose(verdict.reason), table(_HEADS, rows)]
    if verdict.samples is not None:
        query = f" {code(verdict.samples_query, 1_000)}" if verdict.samples_query else ""
        parts.append(
            f"{verdict.samples} samples; the policy asks for {verdict.minimum_samples}.{query}"
        )
    parts.append(f"Entered at {verdict.entered}, judged at {verdict.at}.")
    return "\n\n".join(parts)


def text(outcomes: Iterable[WayBackOutcome]) -> Iterator[str]:
    """One line for each stage, for a terminal."""
    for outcome in outcomes:
        address = f" {safe(outcome.url)}" if outcome.url else ""
        yield (
            f"{safe(outcome.model)}   {safe(outcome.stage)}   {outcome.result}:"
            f" {safe(outcome.reason)}{address}"
        )


def summary(outcomes: Sequence[WayBackOutcome]) -> Iterator[str]:
    """The same in Markdown, for a run's summary."""
    yield "## Model registry: health\n"
    for outcome in outcomes:
        address = f" {outcome.url}" if outcome.url else ""
        yield (
            f"- {code(outcome.model)} {code(outcome.stage)} **{outcome.result}**:"
            f" {prose(outcome.reason)}{address}"
        )
    if not outcomes:
        yield "No stage is watched."
