"""The policy's dataset: its labels are kept from the process that runs the model."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mlflow_gitops.app.checking.data import LabelledData, read_data
from mlflow_gitops.core.gates.files.checked import CheckedData
from mlflow_gitops.errors import Failure


def read(folder: Path, content: bytes, target: str = "label") -> LabelledData:
    (folder / "rows.csv").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return read_data(folder, CheckedData("rows.csv", sha256, target, "classifier"))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("0", "1"), (0, 1)),
        (("0", "1.5"), (0.0, 1.5)),
        (("no", "yes"), ("no", "yes")),
        (("1", "x"), ("1", "x")),
    ],
)
def test_labels_are_numbers_if_all_are(
    tmp_path: Path, labels: tuple[str, str], expected: tuple[object, ...]
) -> None:
    data = read(tmp_path, f'a,label,b\n1,{labels[0]},"x, y"\n2,{labels[1]},z\n'.encode())
    assert data.labels == expected and data.features == 'a,b\n1,"x, y"\n2,z\n'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n", "no column label"),
        (b"label,label\n1,2\n", "no column label, or several"),
        (b"a,label\n", "no rows"),
        (b"", "no column label"),
        (b"a,label\n1\n", "shorter or longer"),
        (b"a,label\n\xff,1\n", "no CSV file in UTF-8"),
    ],
)
def test_what_is_no_dataset(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(Failure, match=reason):
        read(tmp_path, content)


def test_another_file_than_the_policy_names(tmp_path: Path) -> None:
    named = CheckedData("rows.csv", "0" * 64, "label", "classifier")
    with pytest.raises(Failure, match="cannot be read"):
        read_data(tmp_path, named)
    (tmp_path / "rows.csv").write_text("a,label\n1,2\n")
    with pytest.raises(Failure, match="and the policy names 0000"):
        read_data(tmp_path, named)
