"""Read what git wanted of each model along one line of commits (RULES R1, R2).

Pure: the line of commits and the function that reads blobs are passed in. Only blobs that the
history of some model crosses are read, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from mlflow_gitops.core.history.base import Base
from mlflow_gitops.core.history.line.line_files import FileState, LineFiles
from mlflow_gitops.core.history.line.renames import Renames
from mlflow_gitops.core.history.mainline import Commit, MainLine, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.policy_history import PolicyHistory
from mlflow_gitops.core.manifests.blob_reader import ManifestReader, ReadBlobs, Reading
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.names import file_stem, model_of
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder

if TYPE_CHECKING:
    from mlflow_gitops.core.history.line.read_ahead import ReadAhead

_NO_MANIFEST = Reading(None)


class Moment(NamedTuple):
    """What one manifest's files were after a commit of the line that could have changed it, or the
    policy under it.

    `index` is the commit's place on the line. `desired` is what the commit wants, None if there is
    no such manifest. `fault` says why the manifest cannot be read; `desired` is then what the last
    readable state wanted (RULES R7). `touched` says whether the commit changed the manifest's own
    files.
    """

    index: int  # type: ignore[assignment]  # no moment is searched as a tuple
    desired: Desired | None
    fault: str | None
    touched: bool


class HistoryReader:
    """Reads the history of any model along one line of commits.

    `files` and `policies` are the files of the line and its policies. `read_blobs` maps blob ids to
    contents. `stageless` is as in `Policy`. A `reader` may have read some of the blobs already.
    """

    def __init__(
        self,
        line: MainLine,
        registry: RegistryFolder,
        read_blobs: ReadBlobs,
        *,
        stageless: bool = False,
        reader: ManifestReader | None = None,
    ) -> None:
        self.line = line
        self.reader = reader or ManifestReader(read_blobs, stageless=stageless)
        self.files = LineFiles(line, registry)
        self.policies = PolicyHistory(line, self.files.policy_changes, self.reader)
        self.renames = Renames(self.files, line.index, self.reader.former_names)
        self._planned: Sequence[str] = ()

    @cached_property
    def _read_ahead(self) -> ReadAhead:
        from mlflow_gitops.core.history.line.read_ahead import ReadAhead  # few models need it

        return ReadAhead(self._planned)

    def prefetch(
        self,
        bases: Iterable[tuple[str, Base]],
        is_uncommitted: Callable[[str], bool] = lambda stem: False,
    ) -> None:
        """Read in one batch every blob that the histories of these (stem, base) will need."""
        bases = list(bases)
        self.renames.prepare(stem for stem, _ in bases)
        self._planned = [stem for stem, _ in bases]
        _fetch(self.reader, _states_needed(self.renames, bases, is_uncommitted))

    def history(
        self, stem: str, target: Desired | None, base: Base, *, uncommitted: bool = False
    ) -> ModelHistory:
        """The history of one model from `base` to `target`, which is what the line's last commit
        wants of it or, if `uncommitted`, what a working tree on top of it wants. A base that is
        known must be on the line."""
        if not base.can_be_compared:
            return ModelHistory(base.commit, base.state, (Point(None, target),))

        # A model without stamps may be any model: it takes no history of a former name.
        is_known = base.state == "known"
        states = (
            self.renames.states(stem, base.commit) if is_known else self.files.states(stem, None)
        )
        if _is_unchanged(base, states, uncommitted=uncommitted):
            commit = self._commit(states[0].position) if states else None
            return ModelHistory(base.commit, base.state, (Point(commit, target),))

        _fetch(self.reader, states)
        points = self._points(stem, states, is_based=is_known)
        if uncommitted and (not points or points[-1].desired != target):
            points.append(Point(None, target))
        if not uncommitted and points and points[-1].desired != target:
            points[-1] = Point(points[-1].commit, target)
        return ModelHistory(base.commit, base.state, tuple(points) or (Point(None, target),))

    def points_before(self, stem: str, commit: str) -> list[Point]:
        """One model's points from its first manifest up to a commit of the line, excluded."""
        return self._points_before(stem, self.line.index[commit])

    def points_until(self, stem: str, commit: str) -> list[Point]:
        """One model's points from its first manifest up to a commit of the line, included."""
        return self._points_before(stem, self.line.index[commit] + 1)

    def judge(self, commit: Commit, name: str) -> ModelPolicy:
        """The policy that judges what a commit of the line makes of a model (RULES R3)."""
        points = self.points_until(file_stem(name), commit.sha)
        desired = points[-1].desired if points else None
        kind = desired.manifest.kind if desired else "model"
        return self.policies.judge(commit, name, kind)

    def fetch_whole(self, stems: Iterable[str], base: str | None = None) -> None:
        """Read in one batch the blobs that `moments` will need for these manifests."""
        manifests = self.files.manifest_blobs(stems)
        if base is not None:
            states = (state for stem in stems for state in self.files.states(stem, base))
            manifests = (state.manifest for state in states if state.manifest)
        self.reader.fetch_manifests(manifests, self.files.policy_blobs())

    def moments(self, stem: str, base: str | None = None) -> list[Moment]:
        """What happened to one model's files on the line, under each of its names, oldest first;
        with `base`, from the state at that commit on."""
        states = self.renames.states(stem, base)
        _fetch(self.reader, states)
        changed_at = self.renames.changed_at(stem)
        moments: list[Moment] = []
        last: Desired | None = None
        for state, reading in self._readings(states):
            if state.manifest is None or reading.desired is not None:
                last = reading.desired
            touched = state.position in changed_at
            moments.append(Moment(state.position, last, reading.fault, touched))
        return moments

    def latest(self, stem: str) -> Moment | None:
        """What one manifest's files are at the end of the line; None if it had none."""
        return next(reversed(self.moments(stem)), None)

    def _points_before(self, stem: str, index: int) -> list[Point]:
        """One model's points from its first manifest up to a commit, excluded."""
        states = [state for state in self.renames.states(stem, None) if state.position < index]
        self.fetch_whole(self._read_ahead.due(stem))
        _fetch(self.reader, states)
        return self._points(stem, states, is_based=False)

    def _points(self, stem: str, states: Sequence[FileState], *, is_based: bool) -> list[Point]:
        """The states as points, without those that change nothing. If the states do not begin at a
        base, the points begin at the first manifest.

        What a commit leaves unreadable stays as it was (RULES R7). That holds for the base too:
        what a later commit declares must not look as if the base had declared it.
        """
        points: list[Point] = []
        for state, reading in self._readings(states):
            desired = reading.desired
            if state.manifest is not None and desired is None:
                if points or not is_based:
                    continue
                earlier = self._points_before(stem, state.position)
                desired = earlier[-1].desired if earlier else None
            is_first_one = not points and (is_based or desired is not None)
            if is_first_one or (points and points[-1].desired != desired):
                points.append(Point(self._commit(state.position), desired))
        return points

    def _readings(self, states: Iterable[FileState]) -> Iterator[tuple[FileState, Reading]]:
        """What the files say at each state, by the last policy that could be read up to it."""
        rules: Policy | None = None
        for state in states:
            rules = (
                self.reader.policy(state.policy)[0] or rules or self.policies.before(state.position)
            )
            if state.manifest is None:
                yield state, _NO_MANIFEST
            else:
                yield state, self.reader.manifest(*state.manifest, rules)

    def _commit(self, index: int) -> Commit:
        sha = self.line.shas[index]
        return self.line.commits.get(sha) or Commit(sha, "", "", "")


def former_prompts(histories: HistoryReader, present: Collection[str]) -> list[str]:
    """The models that the line once had a manifest of, that are not among `present`, and whose last
    manifest describes a prompt."""
    manifests = histories.files.last_manifests()
    named = ((model_of(stem), manifest) for stem, manifest in manifests)
    last = {name: manifest for name, manifest in named if name not in present}
    histories.reader.fetch_manifests(last.values())
    return [name for name, manifest in last.items() if histories.reader.kind(*manifest) == "prompt"]


def _is_unchanged(base: Base, states: Sequence[FileState], *, uncommitted: bool) -> bool:
    """Whether nothing changed a model since its base, so that its history needs no content."""
    return base.state == "known" and len(states) <= 1 and not uncommitted


def _fetch(reader: ManifestReader, states: Iterable[FileState]) -> None:
    """Read in one batch the manifests and policies that exist in these states."""
    states = list(states)
    manifests = {state.manifest for state in states if state.manifest}
    reader.fetch_manifests(manifests, {state.policy for state in states if state.policy})


def _states_needed(
    renames: Renames,
    bases: Iterable[tuple[str, Base]],
    is_uncommitted: Callable[[str], bool],
) -> Iterator[FileState]:
    """The states that the histories of these (stem, base) are made from."""
    for stem, base in bases:
        if base.can_be_compared:
            states = renames.states(stem, base.commit)
            if not _is_unchanged(base, states, uncommitted=is_uncommitted(stem)):
                yield from states
