"""The files of versions that are served: one model's surprise stops no other."""

from __future__ import annotations

from typing import Any

from mlflow_gitops.app.audit.served_files import ServedFiles
from mlflow_gitops.core.audit.verifying.findings import UncheckedFiles
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.recorded.file_digests import FileDigest, ModelFiles
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.settings import Settings
from tests.support.core.one_model import make_desired

FILES = ModelFiles((FileDigest("MLmodel", 1, "a" * 64),))


class _Registry:
    """Its answer depends on the model's name."""

    def files(self, model: str, version: ObservedVersion, *_: Any, **__: Any) -> ModelFiles:
        if model == "odd":
            raise KeyError("odd")
        if model == "down":
            raise RegistryFailure("no access")
        return FILES


def served(*names: str) -> dict[str, ObservedModel]:
    version = ObservedVersion(1, "Production")
    return {name: ObservedModel(name, versions={1: version}) for name in names}


def test_each_model_is_compared_by_itself() -> None:
    pin = 'stages: {{Production: 1}}\nversions: {{1: {{digest: "{}"}}}}'
    right = make_desired(pin.format(FILES.digest))
    wrong = make_desired(pin.format("sha256:" + "0" * 64))
    desired = {"down": right, "good": right, "odd": right, "swapped": wrong}
    registry: Any = _Registry()
    files = ServedFiles(registry, Settings(), lambda step: None)

    observed = served("down", "good", "odd", "plain", "swapped")
    findings = list(files.findings(desired, observed))

    assert [(finding.model, finding.field) for finding in findings] == [
        ("down", "files 1"),
        ("odd", "internal"),
        ("swapped", "files 1"),
    ]
    assert "no access" in findings[0].detail and "KeyError" in findings[1].detail
    assert files.compared == 2
    assert files.unchecked == [UncheckedFiles("plain", 1, ("Production",))]
