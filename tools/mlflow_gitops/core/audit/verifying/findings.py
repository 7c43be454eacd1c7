"""The findings of `verify`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Unexplained:
    """One thing in MLflow, or in the receipts, that neither git nor a receipt accounts for.

    `model` is empty for the receipts as a whole. `field` names the thing: `stage Production`,
    `alias champion`, `pin 12 run_id`, `held 12 Production`, `gates 12 Production`, `source 12`,
    `files 12`, `owner`, `commit`, `receipt`, `signature`. `detail` is for people.
    """

    model: str
    field: str
    detail: str


@dataclass(frozen=True, slots=True, order=True)
class UncheckedFiles:
    """A version that holds these stages and has no pinned digest, so that nobody can say whether
    its files are those that were approved."""

    model: str
    version: int
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a verification. `commit` is the main line's tip, `models` counts the models
    that were verified, `unmanaged` names MLflow's others, `receipts` counts all in this clone."""

    commit: str
    models: int
    unmanaged: tuple[str, ...]
    receipts: int
    findings: tuple[Unexplained, ...]
    compared_files: int | None = None
    """The versions whose files were compared with their digests; None if none were asked for."""
    unchecked_files: tuple[UncheckedFiles, ...] = ()
