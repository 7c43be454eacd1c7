"""Apply a plan: several models at a time, one writer for each model, every write confirmed by
reading back (DESIGN §6, RULES R5)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from mlflow_gitops.app.reconciling.writing.progress import Progress, StoppedError
from mlflow_gitops.app.reconciling.writing.registry_writer import (
    RegistryWriter,
    WrongNumberError,
    is_seal,
    with_copies,
    write_all,
    write_seal,
)
from mlflow_gitops.app.reconciling.writing.shared_reads import SharedReads
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.edges.mlflow.database_errors import CANNOT_STORE
from mlflow_gitops.edges.system.unexpected import describe, print_traceback
from mlflow_gitops.errors import NameTaken, Refused, RegistryFailure, shortage
from mlflow_gitops.settings import Settings

_DEFAULT_SETTINGS = Settings()

Replan = Callable[[str], ModelPlan]
"""Reads one model again and plans it anew."""


def apply_models(
    plans: Sequence[ModelPlan],
    replan: Replan,
    registry: RegistryWriter,
    writers: int = 1,
    keep: Callable[[Outcome], None] = lambda outcome: None,
    pauses: Sequence[float] = (),
    settings: Settings = _DEFAULT_SETTINGS,
    reads: SharedReads | None = None,
) -> Generator[Outcome]:
    """Apply the planned models, up to `writers` at a time, and yield the outcome of each, in the
    order in which they finish.

    One writer for each model, because parallel writes to one model race inside MLflow (3.17). A
    model that fails stops no other. What is written is decided by what MLflow holds at that moment,
    which `replan` reads, and not by what it held when the plan was shown. `pauses` are the seconds
    before each new try after a failure that may pass. `reads` are the readings that the models
    share, which `replan` uses; without it, each is read by itself.

    `keep` gets every outcome as well, from the thread that has it. If the caller stops early
    (Ctrl-C) and closes the iterator, models not begun are left as they are, and those under way are
    finished and kept. If that is interrupted again, they stop before their next write.
    """
    working = []
    for plan in plans:
        if plan.has_work:
            working.append(plan.model)
        else:
            outcome = _outcome_without_work(plan)
            keep(outcome)
            yield outcome

    stop = threading.Event()
    shared = reads or SharedReads(registry.read)
    shared.begin(len(working), max(1, writers))

    def apply(name: str) -> Outcome:
        shared.enter(name)
        try:
            progress = Progress(name, replan, stop)
            outcome = apply_model(progress, registry, pauses, settings, shared)
        finally:
            shared.leave(name)
        keep(outcome)
        return outcome

    pool = ThreadPoolExecutor(max_workers=max(1, writers), thread_name_prefix="apply")
    futures = [pool.submit(apply, name) for name in working]
    try:
        for future in as_completed(futures):
            yield future.result()
    finally:
        shared.end()
        try:
            pool.shutdown(cancel_futures=True)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def apply_model(
    progress: Progress,
    registry: RegistryWriter,
    pauses: Sequence[float],
    settings: Settings,
    reads: SharedReads | None = None,
) -> Outcome:
    """Write one model. After a failure that may pass, read the model again and go on from there."""
    try:
        return _attempts(progress, registry, pauses, reads or SharedReads(registry.read))
    except StoppedError:
        return progress.outcome_after_failure(error="The run was interrupted before its end.")
    except Exception as error:  # whatever happens, what was written is recorded
        message = shortage(error)
        if message is None:
            message = f"Unexpected {describe(error)}. Run this with -v and report what it prints."
            print_traceback(progress.name, error, settings)
        return _outcome_after_surprise(progress, message)


def _outcome_after_surprise(progress: Progress, message: str) -> Outcome:
    """The outcome after an exception that nobody expected, also if it comes again while the model
    is read back."""
    try:
        return progress.outcome_after_failure(error=message)
    except Exception:
        return progress.outcome((), f"{message} What was written could not be read back.")


def _attempts(
    progress: Progress, registry: RegistryWriter, pauses: Sequence[float], reads: SharedReads
) -> Outcome:
    for pause in (*pauses, None):
        try:
            return _attempt(progress, registry, reads)
        except WrongNumberError as wrong:
            return progress.outcome_after_failure(refusals=(wrong.refusal,))
        except NameTaken as taken:
            progress.refuse_write()
            refusal = Refusal("name_taken", taken.message, taken.fix)
            return progress.outcome_after_failure(refusals=(refusal,))
        except Refused as refused:
            refusal = Refusal(
                "pin",
                str(refused),
                "it is not the version that was reviewed; check it and promote it again",
            )
            return progress.outcome_after_failure(refusals=(refusal,))
        except RegistryFailure as failure:
            if failure.code == CANNOT_STORE:
                progress.refuse_write()
                refusal = Refusal("unstorable", failure.message, failure.fix)
                return progress.outcome_after_failure(refusals=(refusal,))
            if not failure.transient or pause is None:
                return progress.outcome_after_failure(error=str(failure))
            reads.read_alone(progress.name)
            time.sleep(pause)
    raise AssertionError("the last try returns")


def _attempt(progress: Progress, registry: RegistryWriter, reads: SharedReads) -> Outcome:
    """Make one model's writes, and seal it if MLflow then shows all of them."""
    plan = progress.read_back()
    if progress.is_deleted(plan):
        return _outcome_of_deleted(progress, plan)
    if not plan.has_work:
        return progress.outcome(plan.refusals)

    plan = with_copies(plan, registry)
    progress.begin(plan)
    write_all(progress.name, plan, registry, progress, reads.read)

    remaining = progress.read_back()
    if progress.overtaken:
        return progress.outcome_after_failure()
    if progress.is_deleted(remaining):
        return _outcome_of_deleted(progress, remaining)
    if remaining.applying or not all(is_seal(stamp) for stamp in remaining.stamps):
        raise RegistryFailure(
            "MLflow accepted the writes but shows something else; someone may be changing it."
        )
    write_seal(progress.name, remaining.stamps, registry, progress)
    progress.sealed = True
    return progress.outcome(remaining.refusals)


def _outcome_of_deleted(progress: Progress, plan: ModelPlan) -> Outcome:
    """The outcome of a model that somebody deleted after this run had written to it."""
    error = f"{progress.name} was deleted in MLflow while this run wrote to it."
    return progress.outcome(plan.refusals, error)


def _outcome_without_work(plan: ModelPlan) -> Outcome:
    """The outcome of a model that nothing is written to."""
    if any(refusal.is_stopping for refusal in plan.refusals):
        return Outcome(
            plan.model, "refused", refusals=plan.refusals, gates=plan.gates, people=plan.people
        )
    if plan.deferred:
        return Outcome(
            plan.model,
            "deferred",
            refusals=plan.refusals,
            gates=plan.gates,
            deferred=plan.deferred,
            people=plan.people,
        )
    return Outcome(plan.model, "unchanged", refusals=plan.refusals)
