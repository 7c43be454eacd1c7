"""How a version was made: what is used must look like what it is, and what is missing is named."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.core.observed.lineage import Lineage
from mlflow_gitops.core.observed.recipe import TrainingRecipe, make_recipe
from mlflow_gitops.core.recorded.values import Metric, ModelFile, Record

COMMIT, MD5 = "a" * 40, "b" * 32
STARTED = {"mlflow.source.name": "./src/train.py", "mlflow.source.type": "LOCAL"}
FILE = ModelFile(python="3.12.1", libraries={"mlflow": "3.17.2", "pandas": "2.3.3"})


def made(
    *,
    commit: str | None = COMMIT,
    data: dict[str, str] | None = None,
    started: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    file: ModelFile | None = FILE,
    here: bool = True,
    **about: Any,
) -> TrainingRecipe:
    record = Record(
        metrics={"accuracy": (Metric(0.9),)},
        params={"depth": "3"} if params is None else params,
        started=STARTED if started is None else started,
        **about,
    )
    lineage = Lineage(
        run_id="r", code_commit=commit, data={"data/a.csv": MD5} if data is None else data
    )
    return make_recipe(TrainingRecipe("fraud", 14, is_here=here), lineage, record, file)


def test_what_is_known_is_used() -> None:
    recipe = made()
    assert (recipe.code_commit, recipe.script, recipe.python) == (COMMIT, "src/train.py", "3.12.1")
    assert recipe.data == {"data/a.csv": MD5} and recipe.params == {"depth": "3"}
    assert recipe.requirements == FILE.libraries and recipe.metrics == {"accuracy": 0.9}
    assert recipe.can_start and len(recipe.missing) == 2, "changes and arguments are never recorded"


def test_an_entry_point_of_a_project() -> None:
    recipe = made(started={**STARTED, "mlflow.project.entryPoint": "main"})
    assert (recipe.entry_point, recipe.script) == ("main", None) and recipe.can_start


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        ({"commit": None}, "The code commit is not recorded"),
        ({"commit": "main; id"}, "The code commit is no full commit id"),
        ({"here": False}, "does not have the code commit"),
        ({"started": {}}, "The command is not known"),
        ({"started": {**STARTED, "mlflow.source.name": "/root/train.py"}}, "no program below"),
        ({"started": {**STARTED, "mlflow.source.name": "a/../../x.py"}}, "no program below"),
        ({"started": {**STARTED, "mlflow.source.name": "-c.py"}}, "no program below"),
        ({"started": {**STARTED, "mlflow.source.type": "NOTEBOOK"}}, "no program below"),
        ({"data": {}}, "No DVC data is recorded"),
        ({"data": {"../x": MD5}}, "The data ../x is no path with an MD5"),
        ({"data": {"x": "$(id)"}}, "The data x is no path with an MD5"),
        ({"file": None}, "The model has no requirements"),
        ({"file": ModelFile(python="3.12; id", libraries={"x": "1"})}, "The version of Python is"),
        (
            {"file": ModelFile(libraries={"x": "x @ https://e.example/x.whl"})},
            "no exact versions: x",
        ),
        ({"params": {"db_password": "hunter2"}}, "The parameter db_password is left out"),
        ({"params": {"--x": "1"}}, "The parameter --x is left out"),
        ({"fault": "its run was deleted"}, "can be used: its run was deleted"),
        ({"conflicting_data": {"data/a.csv": MD5}}, "The run names two MD5 of the data data/a.csv"),
    ],
)
def test_what_is_missing_is_named(about: dict[str, Any], sentence: str) -> None:
    assert any(sentence in line for line in made(**about).missing)


@pytest.mark.parametrize(
    ("address", "is_taken"),
    [
        ("https://github.com/acme/train.git", True),
        ("git@github.com:acme/train.git", True),
        ("https://me:secret@github.com/acme/train", False),
        ("ext::sh -c id", False),
        ("--upload-pack=id", False),
        ("file:///etc", False),
        ("git@-oProxyCommand=id:x", False),
    ],
)
def test_only_plain_addresses_are_cloned(address: str, is_taken: bool) -> None:
    recipe = made(here=False, started={**STARTED, "mlflow.source.git.repoURL": address})
    assert (recipe.repository == address) is is_taken and recipe.can_start is is_taken
