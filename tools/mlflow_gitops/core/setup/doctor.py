"""The results of `doctor`'s checks, and how a table of checks is run.

Each area (`doctor_git.py`, `doctor_policy.py` …) has facts, which the command reads, and a table
CHECKS. A check is a generator function from facts to results and its line in that table; it makes
no requests. A check that does not apply yields nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

Status = Literal["ok", "missing", "unknown"]
"""`unknown`: the facts do not show whether it is ok."""

_Facts = TypeVar("_Facts")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check. `check` is a stable word within its area. `fix` is the next step; a
    result that is `missing` always has one."""

    area: str
    check: str
    status: Status
    detail: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Area:
    """Makes the results of one area."""

    name: str

    def ok(self, check: str, detail: str) -> CheckResult:
        return CheckResult(self.name, check, "ok", detail)

    def missing(self, check: str, detail: str, fix: str) -> CheckResult:
        return CheckResult(self.name, check, "missing", detail, fix)

    def unknown(self, check: str, detail: str, fix: str) -> CheckResult:
        return CheckResult(self.name, check, "unknown", detail, fix)


def run_checks(
    checks: Iterable[Callable[[_Facts], Iterator[CheckResult]]], facts: _Facts
) -> Iterator[CheckResult]:
    """Run each check of a table on the same facts, in order."""
    for check in checks:
        yield from check(facts)
