"""The address of a repository for people."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.history.web_pages import repository_address


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/acme/models.git", "github.com/acme/models"),
        ("https://ada:secret@GitHub.com/acme/models?x=secret", "github.com/acme/models"),
        ("git@github.com:acme/models.git", "github.com/acme/models"),
        ("ssh://git@git.example:2222/team/a/models/", "git.example/team/a/models"),
        ("gitserver:models", "gitserver/models"),
        ("/srv/git/models.git", ""),
        ("../models.git", ""),
        ("C:/models.git", ""),
        ("file:///srv/models.git", ""),
        ("https://[broken/models", ""),
        ("https://host.example", ""),
        ("", ""),
    ],
)
def test_an_address_has_neither_protocol_nor_credentials(remote: str, address: str) -> None:
    assert repository_address(remote) == address
