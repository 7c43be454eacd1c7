"""GitHub's own descriptions of its APIs, from npm."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.console import npm
from tests.support.description.checking import FOLDER, GRAPHQL, description
from tests.support.description.operations import Description

_REST = ("@octokit/openapi", "23.0.2")
_GRAPHQL = ("@octokit/graphql-schema", "15.26.1")


def folder() -> Path:
    return npm.must_have(*_REST) / "generated"


def rest() -> Description:
    """The description of GitHub.com's REST API; the test is skipped where npm cannot be had."""
    return description(str(folder()))


def variables() -> dict[str, str]:
    """What lets each GitHub of the tests be checked; the same."""
    return {FOLDER: str(folder()), GRAPHQL: str(npm.must_have(*_GRAPHQL) / "schema.graphql")}


@contextmanager
def checked_if_installed() -> Iterator[None]:
    """Let each GitHub of the tests be checked, except without npm on somebody's own machine."""
    try:
        added = variables()
    except pytest.skip.Exception:
        added = {}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
