"""What a snapshot wants of each model, by the rules of the registry that it is planned against.

An invalid manifest stops its model alone: the model keeps what the last valid commit wanted of it.
If the policy is invalid, the last valid policy applies (RULES R2, R3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mlflow_gitops.core.history.base import Base
from mlflow_gitops.core.history.history_reader import HistoryReader
from mlflow_gitops.core.manifests.blob_reader import policy_problems
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.names import Kind, file_stem
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.manifests.validity import Validity
from mlflow_gitops.core.yaml.problems import Problem


@dataclass(frozen=True, slots=True)
class InvalidModel:
    """A model that has an invalid file.

    `desired` is what the last valid commit asks for, None if that is not known or nothing.
    If `is_held`, git's history does not show that commit, since the model's own file is readable or
    missing: the model then keeps what it was reconciled to.
    """

    problems: tuple[Problem, ...]
    desired: Desired | None
    is_held: bool


class DesiredModels:
    """The desired states of one snapshot. `stageless` is as in `Policy`.

    `histories` reads the line of commits that leads to the snapshot. `is_uncommitted` says whether
    the working tree may want something else of a stem than the last commit of the line.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        folder: RegistryFolder,
        histories: HistoryReader,
        is_uncommitted: Callable[[str], bool] = lambda stem: False,
        *,
        stageless: bool,
    ) -> None:
        self.folder = folder
        self._histories = histories
        self._is_uncommitted = is_uncommitted
        self.policy: Policy = snapshot.policy.without_stages() if stageless else snapshot.policy
        self.is_policy_known = True
        """Whether there is a valid policy: this one or, if it is invalid, an earlier one."""
        if snapshot.validity.policy:
            last_policy = histories.policies.last_usable()
            self.is_policy_known = last_policy is not None
            self.policy = last_policy or Policy(stageless=stageless)

        valid = {
            name: Desired(manifest, self.policy.for_model(name, manifest.kind))
            for name, manifest in snapshot.manifests.items()
        }
        problems = {
            name: errors
            for name, errors in snapshot.validity.models.items()
            if name in valid or self._has_file(name, errors)
        }
        if snapshot.validity.policy:  # the manifests were not compared with the policy yet
            problems |= _unfit(valid)
        self.validity = Validity(snapshot.validity.policy, problems, snapshot.validity.others)
        self.invalid: dict[str, InvalidModel] = {
            name: self._invalid_model(name, valid.get(name), problems[name]) for name in problems
        }
        kept = {name: model.desired for name, model in self.invalid.items()}
        self.by_name: dict[str, Desired] = {
            name: desired for name, desired in {**valid, **kept}.items() if desired is not None
        }
        """The models that the snapshot has a manifest of, or a file that was meant to be one."""

    @property
    def kinds(self) -> dict[str, Kind]:
        """Each model's name and kind."""
        return {name: desired.manifest.kind for name, desired in self.by_name.items()}

    def managed(self, names: Iterable[str], among: Sequence[str] = ()) -> list[str]:
        """Those of the names that have a manifest, valid or not; if `among` has models, those of
        these alone."""
        with_file = self.by_name.keys() | self.invalid.keys()
        return sorted(with_file & set(names) & (set(among) or with_file))

    def count_of_others(self, names: Iterable[str]) -> int:
        """How many models of `by_name` are none of these."""
        return len(self.by_name.keys() - set(names))

    def emptied(self, name: str, kind: Kind) -> Desired:
        """What is wanted of a model whose manifest is gone: every stage empty on purpose, and
        nothing declared."""
        rules = self.policy.for_model(name, kind)
        file = f"{self.folder}/models/{file_stem(name)}.yaml"
        stages: dict[str, tuple[int, ...]] = {stage: () for stage in rules.stages}
        return Desired(Manifest(name, file, None, (), {}, stages, {}, {}, kind), rules)

    def held_states(
        self,
        invalid: Mapping[str, InvalidModel],
        bases: Mapping[str, Base],
        histories_at: Callable[[str], HistoryReader],
    ) -> dict[str, Desired]:
        """What each held model of `invalid` was reconciled to, if that is known. `histories_at`
        returns the reader of a line that has a base."""
        held = {}
        for name, model in invalid.items():
            base = bases.get(name)
            if model.is_held and base is not None and base.state == "known" and base.commit:
                histories = histories_at(base.commit)
                points = histories.points_until(file_stem(name), base.commit)
                state = self._by_present_rules(points[-1].desired if points else None)
                if state is not None:
                    held[name] = state
        return held

    def _has_file(self, name: str, errors: tuple[Problem, ...]) -> bool:
        """Whether one of the files with errors, or any in the history, was made for this model. A
        model that only the content of another one's file names does not exist."""
        stem = file_stem(name)
        has_own_file = any(stem_of(error.file) == stem for error in errors)
        return has_own_file or self._histories.latest(stem) is not None

    def _invalid_model(
        self, name: str, own: Desired | None, problems: tuple[Problem, ...]
    ) -> InvalidModel:
        stem = file_stem(name)
        latest = self._histories.latest(stem)
        desired = self._by_present_rules(latest.desired if latest else None)
        is_unreadable = latest is not None and latest.fault is not None
        is_held = not (is_unreadable or self._is_uncommitted(stem))
        return InvalidModel(problems, own if is_held and own else desired, is_held)

    def _by_present_rules(self, desired: Desired | None) -> Desired | None:
        """A state of an earlier commit with the present freeze and the present answer to drift."""
        if desired is None:
            return None
        rules = self.policy.for_model(desired.manifest.name, desired.manifest.kind)
        return replace(
            desired, policy=replace(desired.policy, freeze=rules.freeze, drift=rules.drift)
        )


def _unfit(desired_states: Mapping[str, Desired]) -> dict[str, tuple[Problem, ...]]:
    """The manifests that are valid by themselves and do not fit their policy."""
    unfit = {}
    for name, desired in desired_states.items():
        if problems := policy_problems(desired.manifest.file, desired):
            unfit[name] = tuple(problems)
    return unfit
