"""Which parts of a registry folder are invalid, and whose they are: an invalid manifest stops its
model alone (DESIGN §6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.manifests.names import model_of, name_fault
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder, stem_of
from mlflow_gitops.core.yaml.problems import Problem, in_order


@dataclass(frozen=True, slots=True)
class Validity:
    """The errors of a snapshot by what they stop.

    `policy` has the errors of the policy file itself. `models` has the errors that make a model
    invalid, by its name. `others` belong to no model, such as a link where a folder was.
    """

    policy: tuple[Problem, ...] = ()
    models: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    others: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """All errors, sorted, each once."""
        of_models = (problem for problems in self.models.values() for problem in problems)
        return tuple(in_order([*self.policy, *of_models, *self.others]))

    def of(self, names: Iterable[str]) -> Validity:
        """The part that matters to some models: their own errors, and the policy's."""
        models = {name: self.models[name] for name in names if name in self.models}
        return Validity(self.policy, models)

    def new_since(self, before: Validity, touched: Collection[str]) -> Validity:
        """The part that was not there before, or that is in one of the files `touched`."""
        earlier = set(before.errors)

        def is_new(problem: Problem) -> bool:
            return problem not in earlier or problem.file in touched

        models = {
            name: problems for name, problems in self.models.items() if any(map(is_new, problems))
        }
        return Validity(
            tuple(filter(is_new, self.policy)), models, tuple(filter(is_new, self.others))
        )


def validity(
    errors: Iterable[Problem],
    policy_file: str | None,
    named_models: Mapping[str, str],
    rule_errors: Mapping[str, Problem],
    registry: RegistryFolder,
) -> Validity:
    """Sort errors by what they stop.

    An error of a file concerns the model of the file's stem and, if the file can be read that far,
    the model that it names (`named_models`, by path): either may be the one that was meant.
    `rule_errors` are errors of the policy for single models: of the exceptions that match a model
    together.
    """
    models: dict[str, list[Problem]] = {name: [error] for name, error in rule_errors.items()}
    of_policy: list[Problem] = []
    others: list[Problem] = []
    for error in errors:
        if error in rule_errors.values():
            continue
        if error.file == policy_file:
            of_policy.append(error)
            continue
        names = _models_of(error.file, named_models, registry)
        for name in names:
            models.setdefault(name, []).append(error)
        if not names:
            others.append(error)
    by_name = {name: tuple(in_order(problems)) for name, problems in sorted(models.items())}
    return Validity(tuple(of_policy), by_name, tuple(others))


def _models_of(
    path: str, named_models: Mapping[str, str], registry: RegistryFolder
) -> tuple[str, ...]:
    """The models that a file with errors may belong to; none if its name is no manifest's."""
    if registry.classify(path) not in ("manifest", "extension"):
        return ()
    if not path.startswith(f"{registry}/models/"):  # a second policy with the wrong ending
        return ()
    candidates = (model_of(stem_of(path)), named_models.get(path))
    return tuple(dict.fromkeys(name for name in candidates if name and not name_fault(name)))
