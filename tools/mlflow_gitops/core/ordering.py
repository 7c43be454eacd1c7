"""The order of one model's writes, so that no reader ever finds a stage empty that is being handed over (RULES R5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlflow_gitops.core.names import ACTIVE_STAGES
from mlflow_gitops.core.plan import Change


def ordered(changes: Iterable[Change], stages: Mapping[int, str]) -> tuple[list[Change], list[str]]:
    """Put a model's changes in order; `stages` is each version's native stage now.

    register -> version tags and descriptions -> entries by descending version -> exits by ascending version -> aliases ->
    the model's tags and description. Returns the order and a note for each stage that is empty for one write: in a cycle
    one has to be, and it is never Production.
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
    """Order the transitions: a version leaves its stage only after the stage's successor has entered.

    Readers are served the highest version of a stage, so entries come in descending and exits in ascending order: a
    reader sees old, then new, and nothing between.
    """
    now = dict(stages)
    final = now | {move.version: str(move.after) for move in moves if move.version is not None}
    kept = {stage: stage in final.values() for stage in ACTIVE_STAGES}
    entries = sorted((m for m in moves if m.after in ACTIVE_STAGES), key=lambda m: -(m.version or 0))
    exits = sorted((m for m in moves if m.after not in ACTIVE_STAGES), key=lambda m: m.version or 0)
    sequence: list[Change] = []
    notes: list[str] = []

    def empties(move: Change) -> str | None:
        """The stage that this move would leave empty although it shall be held in the end."""
        stage = now.get(move.version or 0)
        alone = sum(1 for held in now.values() if held == stage) == 1
        return stage if stage is not None and kept.get(stage) and alone and stage != move.after else None

    while entries:
        move = next((m for m in entries if empties(m) is None), None)
        if move is None:
            # A cycle: something has to go first, and it is what keeps Production occupied.
            move = next((m for m in entries if empties(m) != "Production"), entries[0])
            notes.append(f"{empties(move)} is empty for one write, while its versions change places")
        entries.remove(move)
        now[move.version or 0] = str(move.after)
        sequence.append(move)
    return sequence + exits, notes
