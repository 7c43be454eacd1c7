"""`.mlflow-gitops.toml`: what it may set, and what is wrong with one."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.settings_file import (
    FileSettings,
    differences,
    read_file_settings,
    settings_text,
)
from mlflow_gitops.errors import InvalidFiles


def test_each_setting() -> None:
    text = b'registry_dir = "ml/registry"\nmain = "release"\nreceipts_branch = "r"\nenv = "prod"\n'
    expected = FileSettings("ml/registry", "release", "r", "prod")
    assert read_file_settings(text, None) == expected
    assert read_file_settings(None, b"[tool.mlflow-gitops]\n" + text) == expected


@pytest.mark.parametrize(
    "pyproject", [None, b"", b"[tool.ruff]\n", b"[tool.poe]\nx='mlflow-gitops'"]
)
def test_none_is_no_file(pyproject: bytes | None) -> None:
    assert read_file_settings(None, pyproject) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('registry = "a"', "has no setting 'registry'; did you mean 'registry_dir'?"),
        ('mian = "a"', "has no setting 'mian'; did you mean 'main'?"),
        ('zzz = "a"', "known: registry_dir, main, receipts_branch, env, github"),
        ("main = 1", "main in .mlflow-gitops.toml must be text"),
        ('env = " "', "must be text that is not empty"),
        ('tracking_uri = "https://evil.example"', "which server gets this machine's credentials"),
        ("github = 0", "github in .mlflow-gitops.toml must be true or false"),
        ("main =", "is not valid TOML"),
        ("\xff", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(InvalidFiles) as raised:
        read_file_settings(text.encode("latin-1"), None)
    assert message in str(raised.value)


def test_two_places_are_one_too_many() -> None:
    with pytest.raises(InvalidFiles, match="both have settings"):
        read_file_settings(b"", b"[tool.mlflow-gitops]\n")


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    with pytest.raises(InvalidFiles, match="larger than 1 MiB"):
        read_file_settings(b"#" * (2 << 20), None)


@pytest.mark.parametrize("folder", ["ml/registry", 'a "quoted" one', "größe"])
def test_what_init_writes_is_read(folder: str) -> None:
    assert read_file_settings(settings_text(folder).encode(), None) == FileSettings(folder)


def test_init_writes_what_it_was_told() -> None:
    text = settings_text(None, on_github=False)
    assert read_file_settings(text.encode(), None) == FileSettings(github=False)


def test_differences_name_what_the_branch_has() -> None:
    assert differences(FileSettings("evil"), FileSettings(main="trunk")) == [
        'registry_dir = "evil"',
        "no main",
    ]
