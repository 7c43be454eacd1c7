"""The files of versions are read once in a run, and again when they may be others."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_gitops.app.planning.version_files import VersionFiles
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.file_digests import FileDigest, ModelFiles
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.errors import RegistryFailure

FILES = ModelFiles((FileDigest("MLmodel", 1, "a" * 64),))


class _Registry:
    """Gives its answers one after another, the last one again and again."""

    def __init__(self, *answers: ModelFiles | RegistryFailure) -> None:
        self._answers = list(answers)
        self.read: list[str] = []

    def files(self, model: str, version: ObservedVersion) -> ModelFiles:
        self.read.append(f"{model} {version.number}")
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, RegistryFailure):
            raise answer
        return answer


def reading(*answers: ModelFiles | RegistryFailure) -> tuple[VersionFiles, _Registry]:
    registry: Any = _Registry(*answers)
    return VersionFiles(registry), registry


def test_each_version_is_read_once_until_it_is_forgotten() -> None:
    files, registry = reading(FILES)
    for model, number in (("a", 1), ("a", 1), ("a", 2), ("b", 1)):
        assert files.read(model, ObservedVersion(number)) == FILES
    assert registry.read == ["a 1", "a 2", "b 1"]
    files.forget(["a"])
    files.read("a", ObservedVersion(1))
    files.read("b", ObservedVersion(1))
    assert registry.read == ["a 1", "a 2", "b 1", "a 1"]


def test_a_version_that_was_made_anew_is_read_anew() -> None:
    files, registry = reading(FILES)
    files.read("a", ObservedVersion(1, source="models:/m-1"))
    files.read("a", ObservedVersion(1, source="models:/m-2"))
    assert registry.read == ["a 1", "a 1"]


def test_what_cannot_be_read_is_not_tried_again_in_a_run() -> None:
    files, registry = reading(RegistryFailure("no access"))
    for _ in range(3):
        with pytest.raises(Unreadable, match="no access"):
            files.read("a", ObservedVersion(1))
    assert registry.read == ["a 1"]


def test_what_may_pass_is_tried_again() -> None:
    files, registry = reading(RegistryFailure("503", transient=True), FILES)
    with pytest.raises(RegistryFailure, match="503"):
        files.read("a", ObservedVersion(1))
    assert files.read("a", ObservedVersion(1)) == FILES
    assert registry.read == ["a 1", "a 1"]
