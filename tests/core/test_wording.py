"""Counts, lists and suggestions in messages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlflow_gitops.core import wording
from mlflow_gitops.core.wording import (
    and_list,
    counted,
    did_you_mean,
    first_few,
    or_list,
    shell_words,
    version_list,
)


@pytest.mark.parametrize(
    ("count", "noun", "expected"),
    [
        (0, "model", "0 models"),
        (1, "model", "1 model"),
        (2, "model", "2 models"),
        (1, "library", "1 library"),
        (2, "library", "2 libraries"),
        (2, "key", "2 keys"),
    ],
)
def test_a_count_has_the_noun_that_fits_it(count: int, noun: str, expected: str) -> None:
    assert counted(count, noun) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [((), ""), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a, b and c")],
)
def test_a_list_in_a_sentence_ends_with_and(words: tuple[str, ...], expected: str) -> None:
    assert and_list(words) == expected
    assert or_list(words) == expected.replace(" and ", " or ")


def test_a_long_list_says_how_many_were_left_out() -> None:
    assert first_few("abc", 3) == "a, b, c"
    assert first_few("abcde", 3) == "a, b, c and 2 more"
    assert first_few([], 3) == ""


def test_versions_in_one_cell() -> None:
    assert version_list((12, 14)) == "12, 14"
    assert version_list(()) == "—"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Prodction", "did you mean 'Production'?"),
        ("PRODUCTION", "did you mean 'Production'?"),
        ("xyz", ""),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(word: str, expected: str) -> None:
    assert did_you_mean(word, ("Staging", "Production")) == expected


def test_a_name_that_differs_in_case_only_comes_before_a_similar_one() -> None:
    assert did_you_mean("fraud", ("fraude", "FRAUD")) == "did you mean 'FRAUD'?"


def test_the_cutoff_decides_how_similar_a_name_must_be() -> None:
    assert did_you_mean("Prod", ("Production",)) == ""
    assert did_you_mean("Prod", ("Production",), 0.5) == "did you mean 'Production'?"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("churn", "--adopt"), "churn --adopt"),
        (("Credit Risk (EU)", 4), "'Credit Risk (EU)' 4"),
        (("-weird", "--adopt"), "--adopt -- -weird"),
        (("it's",), "'it'\"'\"'s'"),
    ],
)
def test_words_that_a_shell_takes(words: tuple[object, ...], shown: str) -> None:
    assert shell_words(*words) == shown


def test_every_command_in_a_message_can_be_pasted() -> None:
    """A name with a space or a leading dash is quoted wherever a command is advised."""
    unquoted = re.compile(
        r"mlflow-gitops [a-z]+ (?:--\S+ )*\{(?:model|name|target\.name|subject\.model)\}"
    )
    package = Path(wording.__file__).parents[1]
    places = [
        f"{file.relative_to(package)}: {match[0]}"
        for file in package.rglob("*.py")
        for match in unquoted.finditer(file.read_text(encoding="utf-8"))
    ]
    assert not places, "use shell_words"
