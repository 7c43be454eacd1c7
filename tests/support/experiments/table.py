"""The table of `make prove`: what was tried, what came of it, and how to try it again."""

from __future__ import annotations

import platform
import re
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- make prove writes this -->", "<!-- until here -->"
_UNCOUNTED = {
    "test_guards": "guards from the outside, each with its way out taken",
    "test_files": "files that cost, links, devices, odd names",
    "test_history": "hostile commits and receipts",
    "test_plan_file": "plan files that are none, or that ask for more",
}
"""Test modules whose tests are the cases, one each, where they count nothing themselves."""


@dataclass
class Row:
    """One experiment: `cases` were tried, the command ran so many times for them, and so many tests
    failed."""

    cases: int = 0
    runs: int = 0
    failed: int = 0
    again: str = ""


def rows(reports: Iterable[Any]) -> dict[str, Row]:
    """Experiments by name, from pytest's reports of what was called. A test that failed has not
    told its cases: it is a row of its own."""
    found: dict[str, Row] = {}
    for report in reports:
        if report.when != "call" or report.outcome == "skipped":
            continue
        file, _, test = report.nodeid.partition("::")
        function = re.split(r"[\[@]", test)[0]
        experiments = [value for name, value in report.user_properties if name == "experiment"]
        module = Path(file).stem
        if report.outcome == "failed":
            experiments = [(test, 0, 0)]
        elif not experiments:
            experiments, function = [(_UNCOUNTED.get(module, module), 1, 1)], module
        for name, cases, runs in experiments:
            row = found.setdefault(name, Row())
            row.cases += cases
            row.runs += runs
            row.failed += report.outcome == "failed"
            row.again = f"make prove PYTEST_ARGS={shlex.quote('-k ' + function)}"
    return dict(sorted(found.items()))


def commit() -> str:
    """What is checked out."""
    head = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    return head or "unknown"


def markdown(
    found: dict[str, Row], commit: str, sample: str, fuzz: str, seconds: float
) -> list[str]:
    """The table, after a line that says of what."""
    tried, runs = (
        sum(getattr(row, field) for row in found.values()) for field in ("cases", "runs")
    )
    git = subprocess.run(
        ["git", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[2]
    versions = (
        f"MLflow {version('mlflow')}, Python {platform.python_version()}, git {git},"
        f" {platform.system()}"
    )
    lines = [
        (
            f"{datetime.now(timezone.utc):%Y-%m-%d}, commit {commit}: {tried:,} cases, {runs:,}"
            f" runs in {seconds / 60:.0f} minutes. `MLFLOW_GITOPS_FAULTS={sample}`,"
            f" `MLFLOW_GITOPS_FUZZ={fuzz}`; each sample's seed is the name of its experiment."
            f" {versions}."
        ),
        "",
        "| experiment | tried | survived | runs | again |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, row in found.items():
        survived = f"**{row.failed} failed**" if row.failed else f"{row.cases:,}"
        lines.append(
            f"| {name} | {f'{row.cases:,}' if row.cases else '?'} | {survived} | {row.runs:,} |"
            f" `{row.again}` |"
        )
    return lines


def write(page: Path, lines: Sequence[str]) -> None:
    """Put the table between the marks of a page."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for the table: {BEGIN} … {END}")
    page.write_text(before + "\n".join([begin, "", *lines, "", end]) + after, "utf-8")
