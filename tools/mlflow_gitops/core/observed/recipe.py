"""How a version was made, as far as it is known: what `reproduce` writes down.

Most of it comes from MLflow, where everybody who may write to the experiment could write it. What
is used as a path, a commit, a version or an address must look like one; anything else counts as
missing, and `missing` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from mlflow_gitops.core.observed.lineage import Lineage
from mlflow_gitops.core.recorded.values import ModelFile, Record
from mlflow_gitops.core.secrets import is_secret_name

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_PYTHON = re.compile(r"3\.[0-9]{1,2}(\.[0-9]{1,3})?\Z")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ -]*(/[A-Za-z0-9_][A-Za-z0-9._ -]*)*\Z")
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?\Z")
_ADDRESS = re.compile(r"(https://|ssh://git@|git@)[A-Za-z0-9][A-Za-z0-9.-]*[:/][A-Za-z0-9._/~-]+\Z")
_ENTRY_POINT = re.compile(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_PARAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.: /-]*\Z")


@dataclass(frozen=True, slots=True)
class Promotion:
    """A receipt that put the version into a stage: its digest, time, and the reconciled commit."""

    stage: str
    at: str
    commit: str
    receipt: str


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """What is known of a version's making. `script` and `entry_point` exclude each other: a program
    that Python ran, or an entry point of an MLflow project. `requirements` maps a distribution to
    its exact version. `missing` says what is not known, in whole sentences."""

    model: str
    version: int
    run_id: str | None = None
    digest: str | None = None
    code_commit: str | None = None
    is_here: bool = False
    """Whether this repository has the commit."""
    repository: str | None = None
    python: str | None = None
    requirements: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    script: str | None = None
    entry_point: str | None = None
    promotions: tuple[Promotion, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def can_start(self) -> bool:
        """Whether code and command are known."""
        has_code = self.code_commit is not None and (self.is_here or self.repository is not None)
        return has_code and (self.script is not None or self.entry_point is not None)


def make_recipe(
    base: TrainingRecipe, lineage: Lineage, record: Record | None, file: ModelFile | None
) -> TrainingRecipe:
    """Fill in a recipe, which has the model, the version and `is_here`, from pins and MLflow."""
    record, file = record or Record(fault="MLflow holds no run of it"), file or ModelFile()
    started = record.started
    commit = _if(_COMMIT, lineage.code_commit)
    entry_point = _if(_ENTRY_POINT, started.get("mlflow.project.entryPoint"))
    script = None if entry_point is not None else _script(started)
    recipe = replace(
        base,
        run_id=lineage.run_id,
        code_commit=commit,
        repository=_if(_ADDRESS, started.get("mlflow.source.git.repoURL")),
        python=_if(_PYTHON, file.python),
        requirements={
            name: version
            for name, version in sorted(file.libraries.items())
            if _NAME.match(name) and _VERSION.match(version)
        },
        data={
            path: md5
            for path, md5 in sorted(lineage.data.items())
            if _is_path(path) and _MD5.match(md5)
        },
        params={key: value for key, value in sorted(record.params.items()) if _is_param(key)},
        metrics={key: values[0].value for key, values in sorted(record.metrics.items()) if values},
        script=script,
        entry_point=entry_point,
    )
    return replace(recipe, missing=tuple(_missing(recipe, lineage, record, file)))


def _if(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text if text is not None and pattern.match(text) else None


def _is_path(text: str) -> bool:
    return _PATH.match(text) is not None and ".." not in text.split("/")


def _is_param(name: str) -> bool:
    return _PARAM.match(name) is not None and not is_secret_name(name)


def _script(started: Mapping[str, str]) -> str | None:
    """The program that Python ran, below the top of its repository."""
    name = started.get("mlflow.source.name", "").removeprefix("./")
    is_program = started.get("mlflow.source.type") == "LOCAL" and name.endswith(".py")
    return name if is_program and _is_path(name) else None


def _missing(
    recipe: TrainingRecipe, lineage: Lineage, record: Record, file: ModelFile
) -> Iterator[str]:
    if record.fault is not None:
        yield f"Nothing that a run recorded can be used: {record.fault}."
    yield from _missing_code(recipe, lineage)
    yield from _missing_command(recipe, record)
    if recipe.python is None:
        yield "The version of Python is not recorded; the script takes the one that is there."
    left_out = sorted(file.libraries.keys() - recipe.requirements.keys())
    if not file.libraries:
        yield "The model has no requirements."
    elif left_out:
        yield f"These requirements are no exact versions: {', '.join(left_out)}."
    if not lineage.data:
        yield (
            "No DVC data is recorded (dvc.PATH as a param of the run, or data: in the manifest); "
            "the script takes the data that the commit has."
        )
    for path in sorted(lineage.data.keys() - recipe.data.keys()):
        yield f"The data {path} is no path with an MD5."
    for path in sorted(record.conflicting_data):
        yield f"The run names two MD5 of the data {path}."
    for key in sorted(record.params.keys() - recipe.params.keys()):
        yield f"The parameter {key} is left out: its name is one of a secret, or no plain one."


def _missing_code(recipe: TrainingRecipe, lineage: Lineage) -> Iterator[str]:
    if recipe.code_commit is None:
        reason = "is no full commit id" if lineage.code_commit else "is not recorded"
        yield f"The code commit {reason} (mlflow.source.git.commit of the run)."
    elif not recipe.is_here and recipe.repository is None:
        yield (
            f"This repository does not have the code commit {recipe.code_commit}, and the run names"
            " no repository that could be cloned (mlflow.source.git.repoURL)."
        )
    if recipe.code_commit is not None:
        yield "Changes of the code that were not committed are not recorded."


def _missing_command(recipe: TrainingRecipe, record: Record) -> Iterator[str]:
    if recipe.script is not None:
        yield (
            f"MLflow recorded the program {recipe.script} and not its arguments; the parameters"
            " that the run logged are in params.json."
        )
    elif recipe.entry_point is not None:
        yield (
            "All parameters of the run are passed to the entry point; take out of the script those"
            " that the training logged itself."
        )
    else:
        name = record.started.get("mlflow.source.name")
        what = f"what it recorded is no program below the repository: {name}" if name else "nothing"
        yield f"The command is not known (mlflow.source.name of the run): {what}."
