"""How far a run has come: a bar on a terminal, a line now and then elsewhere, both with the time
that is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import timedelta

import typer

from mlflow_gitops.app.reconciling.reconcile import Follow
from mlflow_gitops.commands.output import note, warn
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.times import format_duration
from mlflow_gitops.settings import Settings

INTERVAL = 30.0
"""Seconds between two lines. A shorter run prints none."""


def run_progress(
    settings: Settings, plans: Sequence[ModelPlan], clock: Callable[[], float] = time.monotonic
) -> Follow:
    """Passes on the outcomes of the planned models and shows how far they are, on stderr, unless
    --quiet; and reports an interrupt."""

    changed = {plan.model for plan in plans if plan.has_work}

    def follow(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        try:
            if settings.verbosity >= 0 and sys.stderr.isatty():
                with typer.progressbar(
                    outcomes, length=len(plans), label="Reconciling", show_pos=True, file=sys.stderr
                ) as progress_bar:
                    yield from progress_bar
            else:
                yield from _with_lines(settings, outcomes, changed, clock)
        except KeyboardInterrupt:
            warn(
                "interrupted: the models under way are finished and recorded, the others wait for"
                " the next run."
            )
            raise

    return follow


def _with_lines(
    settings: Settings,
    outcomes: Iterable[Outcome],
    changed: Collection[str],
    clock: Callable[[], float],
) -> Iterator[Outcome]:
    """Only the models that something is written to count. The time that is left is what the rest of
    them take at the speed since the last line."""
    printed_at, printed, done = clock(), 0, 0
    for outcome in outcomes:
        yield outcome
        done += outcome.model in changed
        now = clock()
        if now - printed_at < INTERVAL or done in (printed, len(changed)):
            continue

        seconds = (len(changed) - done) * (now - printed_at) / (done - printed)
        left = format_duration(timedelta(seconds=round(seconds)))
        note(settings, f"{done:,} of {len(changed):,} models are done, about {left} left.")
        printed_at, printed = now, done
