"""Comparing the stamps in MLflow with the receipts: what an interrupted run left unrecorded (RULES
R6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from mlflow_gitops.core.audit.receipts import Receipt


def unstamped(
    stamped: Mapping[str, str | None], receipts: Sequence[Receipt], owner: str | None
) -> dict[str, list[str]]:
    """Models whose stamp is older than their newest receipt: that receipt's digest to the models.

    `stamped` maps a model to the digest in its stamp `gitops.receipt`; `receipts` is oldest first.
    A stamped digest that is not among them may be newer than all that this clone has.
    """
    age = {receipt.digest: position for position, receipt in enumerate(receipts)}
    newest_of: dict[str, Receipt] = {}
    for receipt in receipts:
        if receipt.owner == owner:
            newest_of.update((model, receipt) for model in receipt.changed())

    behind: dict[str, list[str]] = {}
    for model, digest in sorted(stamped.items()):
        newest = newest_of.get(model)
        if newest is None:
            continue
        is_older = digest is None or age.get(digest, len(age)) < age[newest.digest]
        if is_older:
            behind.setdefault(newest.digest, []).append(model)
    return behind


def unrecorded(
    stamped: Mapping[str, str],
    receipts: Iterable[Receipt],
    owner: str | None,
    line: Mapping[str, int],
    names: Callable[[str], Iterable[str]] = lambda name: (name,),
) -> dict[str, list[str]]:
    """Models whose stamp no receipt explains: commit to models. `names` returns every name that a
    model has had.

    `stamped` maps a model to the commit in its stamp `gitops.commit`; `line` maps the commits of
    the main line to their positions. A run that was interrupted between its last stamp and its
    receipt leaves such models. A stamp names the last commit that concerned its model, and a
    receipt lies on the commit that was reconciled: that one or, if several merges were reconciled
    at once, a later one. A stamp that names no commit of the main line is skipped: no run set it,
    since nothing else is ever applied (RULES R1).
    """
    recorded: dict[str, set[str]] = {}
    for receipt in receipts:
        if receipt.owner == owner:
            for model in receipt.applied():
                recorded.setdefault(model, set()).add(receipt.commit)

    missing: dict[str, list[str]] = {}
    for model, commit in sorted(stamped.items()):
        commits = {commit for name in names(model) for commit in recorded.get(name, ())}
        position = line.get(commit)
        if position is None or commit in commits:
            continue
        if all(line.get(recorded_on, -1) < position for recorded_on in commits):
            missing.setdefault(commit, []).append(model)
    return missing
