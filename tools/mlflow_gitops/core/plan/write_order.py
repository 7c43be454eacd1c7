"""The order of one model's writes, so that no reader ever finds a stage empty that is being handed
over (RULES R5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from mlflow_gitops.core.manifests.names import ACTIVE_STAGES, folded
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
    every_change = list(changes)
    new_aliases = {folded(c.key or "") for c in every_change if c.action == "set_alias"}
    for change in every_change:
        if change.action == "transition":
            moves.append(change)
        else:
            by_rank.setdefault(_rank(change, new_aliases), []).append(change)
    for group in by_rank.values():
        group.sort(key=_within_rank)
    sequence, notes = _order_moves(moves, stages)
    first = [change for rank in sorted(by_rank) if rank < 3 for change in by_rank[rank]]
    last = [change for rank in sorted(by_rank) if rank >= 3 for change in by_rank[rank]]
    return first + sequence + last, notes


def _within_rank(change: Change) -> tuple[int, str, bool, str]:
    """By version and name. Of names that some databases take for one, the old one goes first:
    deleting it later would delete the new one there."""
    key = change.key or ""
    return change.version or 0, folded(key), not change.action.startswith("delete_"), key


def _rank(change: Change, new_aliases: Collection[str]) -> int:
    if change.action == "create_model":
        return 0
    if change.action == "register_version":
        return 1
    if change.action == "set_alias":
        return 3
    if change.action == "delete_alias":
        return 3 if folded(change.key or "") in new_aliases else 4
    return 2 if change.version is not None else 5


def _order_moves(
    moves: Sequence[Change], stages: Mapping[int, str]
) -> tuple[list[Change], list[str]]:
    """Order the transitions: entries by descending, then exits by ascending version, each as soon
    as it does no harm.

    A move waits while it would leave a stage empty that is to be held (so a chain runs from its
    end), or while it would let a reader see a version that is neither the old nor the new one:
    MLflow serves the highest version of a stage.
    """
    current = _Stages(stages)
    final = _Stages({**stages, **{move.version or 0: str(move.after) for move in moves}})
    old = {stage: current.served(stage) for stage in ACTIVE_STAGES}
    new = {stage: final.served(stage) for stage in ACTIVE_STAGES}
    sequence: list[Change] = []
    notes: list[str] = []

    def does_harm(move: Change, stage: str) -> bool:
        allowed = [new[stage]]
        if current.served(stage) != new[stage]:
            # Until the new version is served, the old one may be.
            allowed.append(old[stage])
        return current.served_after(move, stage) not in allowed

    waiting = _preferred_order(moves)
    while waiting:
        move = next((m for m in waiting if not any(does_harm(m, s) for s in ACTIVE_STAGES)), None)
        if move is None:
            # In a cycle one stage has to be empty for one write, and it is never Production.
            move = next((m for m in waiting if not does_harm(m, "Production")), waiting[0])

        for stage in ACTIVE_STAGES:
            is_emptied = current.served(stage) is not None and (
                current.served_after(move, stage) is None
            )
            if is_emptied and new[stage] is not None:
                notes.append(f"{stage} is empty for one write, while its versions change places")
        waiting.remove(move)
        current.move(move)
        sequence.append(move)
    return sequence, notes


def _preferred_order(moves: Sequence[Change]) -> list[Change]:
    """Entries by descending version, then exits by ascending version."""
    entries = [move for move in moves if move.after in ACTIVE_STAGES]
    exits = [move for move in moves if move.after not in ACTIVE_STAGES]
    entries.sort(key=lambda move: move.version or 0, reverse=True)
    exits.sort(key=lambda move: move.version or 0)
    return entries + exits


class _Stages:
    """Which versions are in which stage, while moves are made one by one."""

    def __init__(self, stages: Mapping[int, str]) -> None:
        self._stage_of = dict(stages)
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
        self._held.get(self._stage_of.get(version, ""), set()).discard(version)
        self._stage_of[version] = str(move.after)
        self._held.setdefault(str(move.after), set()).add(version)
