"""What git wanted of a model from its base to the target: the desired state at each commit that
changed it (RULES R1, R2).

Pure: the raw line of commits and a way to read blobs come from outside. Only blobs that some
model's history really crosses are read, each once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from mlflow_gitops.core.history.mainline import Commit, Line, Point
from mlflow_gitops.core.history.stage_entries import Entry, entries, files_at, new_holders
from mlflow_gitops.core.manifests.blob_reader import TWINS, ReadBlobs, Reader, Reading
from mlflow_gitops.core.manifests.desired import Desired, Field
from mlflow_gitops.core.manifests.names import Kind, file_stem, model_of
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of

BaseState = Literal["none", "known", "stale", "unknown", "lost"]
"""`lost`: a receipt knows the base, and MLflow does not any more."""
UNDECLARED = object()
"""The value of a field in a commit that does not declare it."""

_State = tuple[int, "tuple[str, str] | None", "str | None"]
"""Files at a commit: its index, (manifest blob, path) or None, policy blob or None."""
_NOTHING = Reading(None)


@dataclass(frozen=True)
class ModelHistory:
    """One model's points, oldest first, the base first where there is one and the target last;
    never empty."""

    base: str | None
    base_state: BaseState
    points: tuple[Point, ...]
    entries: tuple[Entry, ...] = ()
    """What gates judge: each version that comes to hold a stage between the base and the target."""

    @property
    def before(self) -> Desired | None:
        """The desired state at the base; None where there is no base, or no manifest at it."""
        return self.points[0].desired if self.base_state == "known" else None

    @property
    def target(self) -> Desired | None:
        return self.points[-1].desired

    def values(self, field: Field) -> list[object]:
        """The values that a field had, point by point."""
        return [
            p.desired.fields.get(field, UNDECLARED) if p.desired else UNDECLARED
            for p in self.points
        ]

    @cached_property
    def declared(self) -> frozenset[Field]:
        """Every field that any of the commits declared."""
        return frozenset(
            field for point in self.points if point.desired for field in point.desired.fields
        )

    @property
    def moved(self) -> bool:
        """Whether git changed anything since the base: then the model is stamped even if MLflow
        already agrees."""
        states = [point.desired.fields if point.desired else None for point in self.points]
        return self.base_state == "none" or any(state != states[0] for state in states)

    def files(self, made: Commit) -> tuple[str, ...]:
        """Where the manifest lay at a making commit (`files_at`); where it lies now if the points
        do not tell."""
        return files_at(self.points, made) or ((self.target.manifest.file,) if self.target else ())

    def made_by(self, of: Callable[[Desired | None], object]) -> Commit | None:
        """The newest commit that changed `of(desired)` into what it is at the target; None if none
        did, or if it is the working tree's. Without a base, a value that never changed was made by
        the first commit."""
        values = [of(point.desired) for point in self.points]
        for i in range(len(values) - 1, 0, -1):
            if values[i] != values[i - 1]:
                return self.points[i].commit
        return self.points[0].commit if self.base_state == "none" else None


@dataclass(frozen=True, slots=True)
class Moment:
    """What one manifest's files were after a commit of the line that could have changed it, or the
    policy under it.

    `desired` is what the commit wants, None where there is no such manifest; where `fault` says
    that it cannot be read, what the last readable state wanted (RULES R7). `touched` tells whether
    the commit changed the manifest's own files.
    """

    index: int
    desired: Desired | None
    fault: str | None
    touched: bool


class Histories:
    """The histories of every model along one line of commits.

    `read_blobs` maps blob ids to contents. `target` is what the snapshot under planning wants of
    each model; `dirty` tells by a manifest's stem whether the working tree under planning departs
    from the line's last commit for it. `stageless` is as in `Policy`. `reader` may have read some
    of the blobs already.
    """

    def __init__(
        self,
        line: Line,
        registry: RegistryFolder,
        read_blobs: ReadBlobs,
        target: Mapping[str, Desired],
        *,
        dirty: Callable[[str], bool] = lambda stem: False,
        stageless: bool = False,
        reader: Reader | None = None,
    ) -> None:
        self._line = line
        self._reader = reader or Reader(read_blobs, stageless=stageless)
        self._target = target
        self._dirty = dirty
        self._by_stem: dict[str, list[tuple[int, str, str | None]]] = {}
        self._policy_changes: list[tuple[int, str | None]] = []
        kinds: dict[str, tuple[str | None, str]] = {}
        for i, path, blob in line.changes:
            if path not in kinds:
                kinds[path] = registry.classify(path), stem_of(path)
            kind, stem = kinds[path]
            if kind == "manifest":
                self._by_stem.setdefault(stem, []).append((i, path, blob))
            elif kind == "policy":
                self._policy_changes.append((i, blob))

    def prefetch(self, wanted: Iterable[tuple[str, str | None]]) -> None:
        """Read in one batch every blob that the histories of these (stem, base) will need."""
        blobs: set[str] = set()
        for stem, base in wanted:
            for _, manifest, policy in self._states(stem, base):
                blobs.update(blob for blob in (manifest[0] if manifest else None, policy) if blob)
        self._reader.fetch(blobs)

    def of(self, name: str, stem: str, base: str | None, state: BaseState) -> ModelHistory:
        """The history of one model. `base` must be on the line where `state` is "known"."""
        final = self._target.get(name)
        dirty = self._dirty(stem)
        if state in ("stale", "unknown", "lost"):
            return ModelHistory(base, state, (Point(None, final),))
        known_base = base if state == "known" else None
        states = self._states(stem, known_base)
        if state == "known" and len(states) <= 1 and not dirty:
            return ModelHistory(
                base, state, (Point(self._commit(states[0][0]) if states else None, final),)
            )
        self.prefetch([(stem, known_base)])
        points = self._points(stem, states, based=state == "known")
        if dirty and (not points or points[-1].desired != final):
            points.append(Point(None, final))
        if not dirty and points and points[-1].desired != final:
            points[-1] = Point(points[-1].commit, final)
        return ModelHistory(base, state, tuple(points) or (Point(None, final),))

    def stems(self) -> list[str]:
        """The stems of all manifests that the line ever had."""
        return sorted(self._by_stem)

    def former_prompts(self, present: Collection[str]) -> list[str]:
        """The prompts, by their last manifest, that the line had a manifest of and that are not
        among `present`."""
        last: dict[str, tuple[str, str]] = {}
        for stem, changes in self._by_stem.items():
            read = [(blob, path) for _, path, blob in changes if blob is not None]
            if read and (name := model_of(stem)) not in present:
                last[name] = read[-1]
        self._reader.fetch(blob for blob, _ in last.values())
        return [
            name for name, (blob, path) in last.items() if self._reader.kind(blob, path) == "prompt"
        ]

    def fetch_whole(self, stems: Iterable[str]) -> None:
        """Read in one batch every blob that the whole courses of these manifests will need."""
        manifests = (blob for stem in stems for _, _, blob in self._by_stem.get(stem, ()) if blob)
        self._reader.fetch((*manifests, *(blob for _, blob in self._policy_changes if blob)))

    def moments(self, stem: str) -> list[Moment]:
        """One manifest's whole course on the line, oldest first."""
        self.fetch_whole([stem])
        touched = {i for i, _, _ in self._by_stem.get(stem, ())}
        found: list[Moment] = []
        last: Desired | None = None
        for i, manifest, reading in self._readings(self._states(stem, None)):
            if manifest is None or reading.desired is not None:
                last = reading.desired
            found.append(Moment(i, last, reading.fault, i in touched))
        return found

    def policies(self) -> list[tuple[int, str | None]]:
        """Each commit that changed the policy file, oldest first: its index, and why the file
        cannot be read, if so."""
        self._reader.fetch(blob for _, blob in self._policy_changes if blob)
        return [(i, self._reader.policy(blob)[1]) for i, blob in self._policy_changes]

    def judge(self, made: Commit, name: str) -> ModelPolicy:
        """The policy that judges what a commit of the line makes of a model (RULES R3)."""
        points = self._earlier(file_stem(name), self._line.index[made.sha] + 1)
        wanted = points[-1].desired if points else None
        kind = wanted.manifest.kind if wanted else "model"
        return self._judge(made, self._reader.no_policy().for_model(name, kind), name, kind)

    def with_entries(self, history: ModelHistory, name: str, stem: str) -> ModelHistory:
        """The history with its entries explained. What a version came through may lie before the
        base, so more is read, and only for a model that a version enters a stage of."""
        target = history.target
        wanted = (
            new_holders(target, history.before)
            if target and history.base_state in ("none", "known")
            else []
        )
        if target is None or not wanted:
            return history
        whole = list(history.points)
        if history.base_state == "known" and (base := history.points[0].commit) is not None:
            whole = self._earlier(stem, self._line.index[base.sha]) + whole
        rules, kind = target.policy, target.manifest.kind
        return replace(
            history,
            entries=tuple(
                entries(wanted, whole, lambda made: self._judge(made, rules, name, kind))
            ),
        )

    def standing(self, name: str, stem: str, commit: str) -> tuple[list[Point], tuple[Entry, ...]]:
        """A model's points up to a commit of the line, and each holder that the commit names,
        explained as an entry."""
        points = self._earlier(stem, self._line.index[commit] + 1)
        target = points[-1].desired if points else None
        if target is None:
            return points, ()
        rules, kind, wanted = target.policy, target.manifest.kind, new_holders(target, None)
        return points, tuple(
            entries(wanted, points, lambda made: self._judge(made, rules, name, kind))
        )

    def _judge(self, made: Commit | None, own: ModelPolicy, name: str, kind: Kind) -> ModelPolicy:
        """The policy as it stood before a commit, for one model; the first policy ever judges
        itself (RULES R3)."""
        moment = self._line.index[made.sha] if made else len(self._line.shas)
        earlier = self._readable_before(moment)
        if earlier is not None:
            return earlier.for_model(name, kind)
        itself = self._readable_before(moment + 1) if made else None
        return itself.for_model(name, kind) if itself else own

    def names_at(self, stem: str, commit: str) -> bool:
        """Whether a commit of the line has a manifest of this stem."""
        present: set[str] = set()
        for i, path, blob in self._by_stem.get(stem, []):
            if i <= self._line.index[commit]:
                present.discard(path) if blob is None else present.add(path)
        return bool(present)

    def _points(self, stem: str, states: Sequence[_State], *, based: bool) -> list[Point]:
        """The states as points, without those that say nothing new; where there is no base, from
        the first manifest on.

        What a commit leaves unreadable stays as it was (RULES R7). That holds for the base too:
        what came after it must not look as if it had been there.
        """
        points: list[Point] = []
        for i, manifest, reading in self._readings(states):
            desired = reading.desired
            if manifest is not None and desired is None:
                if points or not based:
                    continue
                desired = self._before(stem, i)
            if points[-1].desired != desired if points else based or desired is not None:
                points.append(Point(self._commit(i), desired))
        return points

    def _readings(
        self, states: Iterable[_State]
    ) -> Iterator[tuple[int, tuple[str, str] | None, Reading]]:
        """What the files say at each state, by the last policy that could be read up to it: (index,
        manifest, reading)."""
        rules: Policy | None = None
        for i, manifest, policy in states:
            rules = self._reader.policy(policy)[0] or rules or self._rules_before(i)
            yield (
                i,
                manifest,
                self._reader.manifest(*manifest, rules) if manifest is not None else _NOTHING,
            )

    def _before(self, stem: str, moment: int) -> Desired | None:
        """The last readable state before a commit."""
        points = self._earlier(stem, moment)
        return points[-1].desired if points else None

    def _earlier(self, stem: str, moment: int) -> list[Point]:
        """The points before a commit, from the first manifest on."""
        states = [state for state in self._states(stem, None) if state[0] < moment]
        self._reader.fetch(
            {
                blob
                for _, manifest, policy in states
                for blob in (manifest and manifest[0], policy)
                if blob
            }
        )
        return self._points(stem, states, based=False)

    def _rules_before(self, moment: int) -> Policy:
        """The last readable policy before a commit, or MLflow's own rules."""
        return self._readable_before(moment) or self._reader.no_policy()

    def _readable_before(self, moment: int) -> Policy | None:
        """The last readable policy before a commit; None where there was none yet."""
        for i, blob in reversed(self._policy_changes):
            if i < moment:
                self._reader.fetch({blob} if blob else set())
                if policy := self._reader.policy(blob)[0]:
                    return policy
        return None

    def _commit(self, i: int) -> Commit | None:
        sha = self._line.shas[i]
        return self._line.commits.get(sha) or Commit(sha, "", "", "")

    def _states(self, stem: str, base: str | None) -> list[_State]:
        """The states of the files at the base and at each later change of either."""
        changes = self._by_stem.get(stem, [])
        if base is None and not changes:
            return []
        start = self._line.index[base] if base else changes[0][0]
        first_policy = bisect_right(self._policy_changes, start, key=lambda change: change[0])
        policy = self._policy_changes[first_policy - 1][1] if first_policy else None
        moments = {start}
        moments.update(i for i, _, _ in changes if i > start)
        moments.update(i for i, _ in self._policy_changes[first_policy:])
        present: dict[str, str] = {}
        states: list[_State] = []
        c, p = 0, first_policy
        for moment in sorted(moments):
            while c < len(changes) and changes[c][0] <= moment:
                _, path, blob = changes[c]
                present.pop(path, None)
                if blob is not None:
                    present[path] = blob
                c += 1
            while p < len(self._policy_changes) and self._policy_changes[p][0] <= moment:
                policy = self._policy_changes[p][1]
                p += 1
            manifest = next(((blob, path) for path, blob in present.items()), None)
            states.append((moment, manifest if len(present) <= 1 else TWINS, policy))
        return states
