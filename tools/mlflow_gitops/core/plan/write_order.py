"""The order of one model's writes, so that no reader ever finds a stage empty that is being handed
over (RULES R5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlflow_gitops.core.manifests.names import ACTIVE_STAGES
from mlflow_gitops.core.plan.plan import Change


def order_writes(
    changes: Iterable[Change], stages: Mapping[int, str]
) -> tuple[list[Change], list[str]]:
    """Put a model's changes in order; `stages` is each version's native stage now.

    register -> version tags and descriptions -> entries by descending version -> exits by ascending
    version -> aliases -> the model's tags and description. Returns the order and a note for each
    stage that is empty for one write: in a cycle one has to be, and it is never Production.
    """
    by_rank: dict[int, list[Change]] = {}
    moves: list[Change] = []
    for change in changes:
        if change.action == "transition":
            moves.append(change)
        else:
            by_rank.setdefault(_rank(change), []).append(change)
    for group in by_rank.values():
        group.sort(key=lambda change: (change.version or 0, change.key or ""))
    sequence, notes = _handover(moves, stages)
    first = [change for rank in sorted(by_rank) if rank < 3 for change in by_rank[rank]]
    last = [change for rank in sorted(by_rank) if rank >= 3 for change in by_rank[rank]]
    return first + sequence + last, notes


def _rank(change: Change) -> int:
    if change.action == "create_model":
        return 0
    if change.action == "register_version":
        return 1
    if change.action == "set_alias":
        return 3
    if change.action == "delete_alias":
        return 4
    return 2 if change.version is not None else 5


def _handover(moves: list[Change], stages: Mapping[int, str]) -> tuple[list[Change], list[str]]:
    """Order the transitions: entries by descending, then exits by ascending version, each as soon
    as it does no harm.

    A move waits while it would leave a stage empty that shall be held (so a chain runs from its
    end), or while it would let a reader see something between old and new: MLflow serves the
    highest version of a stage.
    """
    now = _Stages(stages)
    final = _Stages({**stages, **{move.version or 0: str(move.after) for move in moves}})
    old = {stage: now.served(stage) for stage in ACTIVE_STAGES}
    new = {stage: final.served(stage) for stage in ACTIVE_STAGES}
    waiting = sorted(
        (m for m in moves if m.after in ACTIVE_STAGES), key=lambda m: -(m.version or 0)
    )
    waiting += sorted(
        (m for m in moves if m.after not in ACTIVE_STAGES), key=lambda m: m.version or 0
    )
    sequence: list[Change] = []
    notes: list[str] = []

    def harms(move: Change, stage: str) -> bool:
        served = now.served_after(move, stage)
        # Once the new version is served, the old one does not come back.
        allowed = (new[stage],) if now.served(stage) == new[stage] else (old[stage], new[stage])
        return served not in allowed

    while waiting:
        harmless = (m for m in waiting if not any(harms(m, stage) for stage in ACTIVE_STAGES))
        # In a cycle something has to give way, and it is never Production.
        move = next(harmless, None) or next(
            (m for m in waiting if not harms(m, "Production")), waiting[0]
        )
        for stage in ACTIVE_STAGES:
            if (
                new[stage] is not None
                and now.served(stage) is not None
                and now.served_after(move, stage) is None
            ):
                notes.append(f"{stage} is empty for one write, while its versions change places")
        waiting.remove(move)
        now.move(move)
        sequence.append(move)
    return sequence, notes


class _Stages:
    """Which versions are in which stage, while moves are made one by one."""

    def __init__(self, stages: Mapping[int, str]) -> None:
        self._where = dict(stages)
        self._held: dict[str, set[int]] = {}
        for version, stage in stages.items():
            self._held.setdefault(stage, set()).add(version)

    def served(self, stage: str) -> int | None:
        return max(self._held.get(stage, ()), default=None)

    def served_after(self, move: Change, stage: str) -> int | None:
        version, served = move.version or 0, self.served(stage)
        if move.after == stage:
            return max(version, served or 0)
        if version != served:
            return served
        return max((v for v in self._held[stage] if v != version), default=None)

    def move(self, move: Change) -> None:
        version = move.version or 0
        self._held.get(self._where.get(version, ""), set()).discard(version)
        self._where[version] = str(move.after)
        self._held.setdefault(str(move.after), set()).add(version)
