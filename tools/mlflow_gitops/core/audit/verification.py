"""Verify: is what MLflow shows explained by a commit of the main line and by a receipt of having
put it there (RULES R7)?

Stamps are evidence that whoever may edit the registry can forge; git and the receipts decide. So a
stamp counts only where a receipt says that the model was reconciled to a commit that wanted just
that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.audit.receipts import RECEIPT_TAG, Receipt
from mlflow_gitops.core.gates import approvals
from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.stage_entries import Entry, files_at
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import HELD_PREFIX, ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.pins import pins
from mlflow_gitops.core.plan.plan import Change
from mlflow_gitops.core.plan.plan_model import departures
from mlflow_gitops.core.recorded.values import Record

_PASSING = frozenset({"passed", "overridden", "exempt"})


@dataclass(frozen=True, slots=True, order=True)
class Unexplained:
    """One thing in MLflow, or in the receipts, that neither git nor a receipt accounts for.

    `field` names it: `stage Production`, `alias champion`, `pin 12 run_id`, `held 12 Production`,
    `gates 12 Production`, `owner`, `commit` or `receipt`.
    """

    model: str
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One receipt's word on one model that it brought to a commit of the main line: the commit's
    place on the line, and the gates that were judged (stage, version, gate, status)."""

    place: int
    digest: str
    gates: frozenset[tuple[str, int, str, str]] = frozenset()
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """What git and the receipts say of one model.

    `points` are its states along the main line up to `base`, the commit that MLflow's stamp names
    (None: it names none of the main line); `standing` explains each holder at a place of that line,
    and `made_at` names the commit that made what was wanted there. `places` maps every commit to
    its place. `tip` is what the newest commit wants: a pin that was added since says what a number
    means all the same.
    """

    name: str
    base: Commit | None
    points: Sequence[Point]
    standing: Callable[[int], Sequence[Entry]]
    runs: Sequence[Reconciled]
    places: Mapping[str, int]
    made_at: Callable[[int], str | None]
    tip: Desired | None = None

    @property
    def desired(self) -> Desired | None:
        return self.points[-1].desired if self.points else None

    @property
    def emptied(self) -> Desired | None:
        """What the commit wants of a model whose manifest it deleted; None where there never was
        one."""
        last = next(
            (point.desired for point in reversed(self.points) if point.desired is not None), None
        )
        return last.after_removal() if last else None

    def wanted_at(self, place: int) -> Desired | None:
        """What the model's manifest wanted at a place of the line."""
        at = [p for p in self.points if p.commit is not None and self.places[p.commit.sha] <= place]
        return at[-1].desired if at else None


@dataclass(frozen=True, slots=True)
class Questions:
    """What verifying may ask: the run of a version (for pins of data), and who approved a commit's
    change of a file."""

    read: Callable[[ObservedVersion], Record | None] = lambda version: None
    approvers: Callable[[Commit, str], int | None] = lambda commit, file: None


def runs_by_model(
    receipts: Iterable[Receipt], owner: str | None, places: Mapping[str, int]
) -> dict[str, list[Reconciled]]:
    """The receipts of this owner, by the models that they brought to a commit of the main line, in
    the line's order."""
    found: dict[str, list[Reconciled]] = {}
    for receipt in receipts:
        if receipt.content.get("owner") != owner or receipt.commit not in places:
            continue
        recovered = receipt.content.get("recovered") is True
        for told in _models(receipt):
            run = Reconciled(
                places[receipt.commit], receipt.digest, frozenset(_gates(told)), recovered
            )
            found.setdefault(str(told.get("model")), []).append(run)
    for runs in found.values():
        runs.sort(key=lambda run: run.place)
    return found


def _models(receipt: Receipt) -> Iterator[Mapping[str, Any]]:
    models = receipt.content.get("models")
    for told in models if isinstance(models, list) else ():
        if isinstance(told, dict) and told.get("result") == "applied":
            yield told


def _gates(told: Mapping[str, Any]) -> Iterator[tuple[str, int, str, str]]:
    gates = told.get("gates")
    for one in gates if isinstance(gates, list) else ():
        if isinstance(one, dict) and isinstance(version := one.get("version"), int):
            yield str(one.get("stage")), version, str(one.get("gate")), str(one.get("status"))


def verify_model(
    account: Account,
    seen: ObservedModel,
    owner: str | None,
    digests: frozenset[str],
    ask: Questions,
) -> Iterator[Unexplained]:
    """Everything about one managed model that is not explained. `digests` are those of every
    receipt there is."""
    name, desired = account.name, account.desired or account.emptied
    # Before the first reconcile there is no stamp, and none is missing.
    met = seen.base is not None or bool(account.runs)
    if seen.owner != owner and (met or seen.owner is not None):
        yield Unexplained(
            name, "owner", f"the stamp says {seen.owner or 'nothing'}, this repository is {owner}"
        )
    if seen.base is None:
        if met:
            yield Unexplained(
                name, "commit", "the receipts say that it was reconciled, and the stamp is gone"
            )
        held = {
            v.number: v.stage
            for v in seen.versions.values()
            if v.stage in ("Staging", "Production")
        }
        for version, stage in sorted(held.items()):
            why = "that no stamp explains" if met else "and no reconcile has been here yet"
            yield Unexplained(name, f"stage {stage}", f"held by {version}, {why}")
        return
    if account.base is None or desired is None:
        what = (
            "names no commit of the main line"
            if account.base is None
            else "names a commit without this manifest"
        )
        yield Unexplained(name, "commit", f"the stamp {seen.base[:12]} {what}")
        return
    yield from (
        Unexplained(name, _field(change), _departs(change, account.base))
        for change in departures(desired, account.base, seen)
    )
    standing = account.standing(account.places[account.base.sha])
    holders = {entry.version for entry in standing}
    for refusal in pins(account.tip or desired, seen, holders, ask.read):
        yield Unexplained(name, f"pin {refusal.version} {refusal.field}", refusal.detail)
    yield from _receipts(account, seen, digests)
    yield from _held(account, standing, seen)
    for entry in standing:
        yield from _judged(account, entry.stage, entry.version, desired.manifest.file, ask)


def _receipts(
    account: Account, seen: ObservedModel, digests: frozenset[str]
) -> Iterator[Unexplained]:
    base = account.base
    assert base is not None
    # The stamp names the commit that last changed the model; its receipt stands at the commit that
    # was reconciled, which may be a later one about something else. If any run brought the model to
    # just that, then the first one from there on did.
    place = account.places[base.sha]
    run = next((run for run in account.runs if run.place >= place), None)
    if run is None or (run.place > place and account.made_at(run.place) != base.sha):
        yield Unexplained(
            account.name, "commit", f"no receipt says that it was reconciled to {base.sha[:12]}"
        )
    stamped = seen.tags.get(RECEIPT_TAG)
    if stamped is not None and stamped not in digests:
        yield Unexplained(
            account.name,
            "receipt",
            f"the receipt {stamped[:12]} that MLflow names was deleted or edited",
        )


def _held(
    account: Account, standing: Sequence[Entry], seen: ObservedModel
) -> Iterator[Unexplained]:
    """Held stamps excuse a version from gates, so each must name a commit that wanted it, and that
    a run applied or passed."""
    for version in sorted(seen.versions):
        for key, value in sorted(seen.versions[version].tags.items()):
            if not key.startswith(HELD_PREFIX):
                continue
            stage, sha = key.removeprefix(HELD_PREFIX), value.partition("@")[0]
            reason = _why_not_held(account, stage, version, sha)
            if reason:
                yield Unexplained(account.name, f"held {version} {stage}", reason)
    for entry in standing:
        tags = seen.versions[entry.version].tags if entry.version in seen.versions else {}
        if (
            entry.stage != "Archived"
            and HELD_PREFIX + entry.stage not in tags
            and entry.version in seen.versions
        ):
            yield Unexplained(
                account.name,
                f"held {entry.version} {entry.stage}",
                "holds it without the stamp of a reconcile",
            )


def _why_not_held(account: Account, stage: str, version: int, sha: str) -> str | None:
    place = account.places.get(sha)
    if place is None:
        return f"the stamp names {sha[:12] or 'nothing'}, no commit of the main line"
    if account.base is not None and place > account.places[account.base.sha]:
        return f"the stamp names {sha[:12]}, which comes after the commit that it was reconciled to"
    wanted = account.wanted_at(place)
    if wanted is None or version not in wanted.holders(stage):
        return f"the stamp names {sha[:12]}, whose manifest does not put it there"
    for run in account.runs:
        then = account.wanted_at(run.place)
        if run.place >= place and then is not None and version in then.holders(stage):
            return None
    return f"the stamp names {sha[:12]}, and no receipt says that this was ever applied"


def _judged(
    account: Account, stage: str, version: int, file: str, ask: Questions
) -> Iterator[Unexplained]:
    """A holder passed the gates of its stage when it came in, as the receipt of that run says. Of
    approvals the forge is asked where a recovered receipt cannot tell."""
    came: Reconciled | None = None
    for run in account.runs:
        wanted = account.wanted_at(run.place)
        holds = wanted is not None and version in wanted.holders(stage)
        came = (came or run) if holds else None
    entry = (
        next(
            (e for e in account.standing(came.place) if (e.stage, e.version) == (stage, version)),
            None,
        )
        if came
        else None
    )
    if came is None or entry is None or entry.made is None or stage not in entry.judge.stages:
        return  # that nothing was applied is told already
    gates = entry.judge.stages[stage].gates
    passed = {
        gate
        for s, v, gate, status in came.gates
        if (s, v) == (stage, version) and status in _PASSING
    }
    missing = [gate for gate in gates.names if gate not in passed]
    if came.recovered:
        file, *_ = files_at(account.points, entry.made) or (file,)
        people = ask.approvers(entry.made, file) if "approvals" in missing else None
        required = gates.settings(approvals.GATE)
        count = required.number if required else 0
        missing = [] if people is None or people >= count else ["approvals"]
        # What a lost receipt would have said of the other gates, nobody knows any more.
    if missing:
        what = ", ".join(missing)
        yield Unexplained(
            account.name, f"gates {version} {stage}", f"no receipt says that it passed {what}"
        )


def _field(change: Change) -> str:
    if change.action in ("set_alias", "delete_alias"):
        return f"alias {change.key}"
    if change.action == "transition":
        # Of two stages, the one that is served.
        served = [
            stage for stage in ("Production", "Staging") if stage in (change.before, change.after)
        ]
        return f"stage {served[0] if served else change.after}"
    where = f"{change.version} " if change.version is not None else ""
    what = {"set_tag": "tag", "delete_tag": "tag", "set_description": "description"}.get(
        change.action, "version"
    )
    return f"{what} {where}{change.key or ''}".strip()


def _departs(change: Change, base: Commit) -> str:
    version = f"{change.version}: " if change.version is not None else ""
    return (
        f"{version}MLflow has {change.before or 'nothing'}, {base.sha[:7]} says"
        f" {change.after or 'nothing'}"
    )


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found. `models` counts those looked at, `unmanaged` names MLflow's others,
    `receipts` counts all that are here, `commit` is the main line's tip."""

    commit: str
    models: int
    unmanaged: tuple[str, ...]
    receipts: int
    findings: tuple[Unexplained, ...]
