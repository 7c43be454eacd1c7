"""Credentials are found in a text of any length, in linear time, by the rule of one expression."""

from __future__ import annotations

import random
import re
import time

import pytest

from mlflow_gitops.edges.system.redaction import redact, without_credentials, without_userinfo

RULE = re.compile(
    r"(?<=://)(?:[^\s/@'\"]+@(?:[^\s/@'\"]+@)*|[^\s/:@'\"\[]*:(?!\d+(?:[/?#]|$))[^\s'\"]*@)"
)
"""What is removed. As an expression it is quadratic, so only short texts are compared."""

PIECES = ("://", "://", ":", "/", "@", "@", "a", "1", "5", "[", "]", " ", "'", "?", "\n", "u:p@")


def test_what_is_removed_is_what_the_rule_says() -> None:
    chance = random.Random(18)
    for _ in range(20_000):
        text = "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 14)))
        assert without_userinfo(text) == RULE.sub("", text), text


@pytest.mark.parametrize("piece", ["a://", "a://a@", "a://:b", "://1:", "a@", "://u:p/", "'://@"])
@pytest.mark.parametrize("end", ["", "@", " x", "/@h"])
def test_a_text_made_to_cost(piece: str, end: str) -> None:
    text = piece * ((256 << 10) // len(piece)) + end
    began = time.process_time()
    redact(text, text)
    without_credentials(text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:sec ret pass@db/mlflow",
        "postgresql+psycopg2://me:sec'ret@pass@db:5432/mlflow",
        'mysql+pymysql://me:sec"ret/pass@db/mlflow',
        "mssql+pyodbc://me:sec\tret?pass@db/mlflow?driver=x",
    ],
)
def test_a_password_with_raw_spaces_or_quotes(uri: str) -> None:
    shown = without_credentials(uri)
    assert "ret" not in shown and "pass" not in shown and "db" in shown
    password = uri.partition("me:")[2].rpartition("@")[0]
    assert "pass" not in redact(f"cannot open {password}", uri)


@pytest.mark.parametrize(
    "uri", ["s3://bucket/a file@2", "http://host:5000/a b@c", "dbfs:/my folder@x"]
)
def test_a_path_with_a_space_is_no_password(uri: str) -> None:
    assert without_credentials(uri) == uri
