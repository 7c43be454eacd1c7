"""The digest of a version's files."""

from __future__ import annotations

import hashlib

import pytest

from mlflow_gitops.core.recorded.file_digests import FileDigest, ModelFiles


def file(path: str, text: str = "x") -> FileDigest:
    return FileDigest(path, len(text), hashlib.sha256(text.encode()).hexdigest())


def test_the_digest_is_what_the_page_says() -> None:
    files = ModelFiles((file("code/m.py", "z"), file("MLmodel", "x")))
    lines = "".join(f"{f.path}\0{f.sha256}\n" for f in (files.files[1], files.files[0]))
    assert files.digest == "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize(
    "changed",
    [
        (file("MLmodel", "x"), file("code/m.py", "y")),
        (file("MLmodel", "x"), file("code/n.py", "z")),
        (file("MLmodel", "z"), file("code/m.py", "x")),
        (file("MLmodel", "x"),),
        (file("MLmodel", "x"), file("code/m.py", "z"), file("more", "")),
    ],
    ids=["content", "name", "swapped", "deleted", "added"],
)
def test_any_other_file_is_another_digest(changed: tuple[FileDigest, ...]) -> None:
    files = ModelFiles((file("MLmodel", "x"), file("code/m.py", "z")))
    assert ModelFiles(changed).digest != files.digest
    assert ModelFiles(files.files[::-1]).digest == files.digest


def test_a_text_lists_the_largest_files_and_counts_the_rest() -> None:
    files = ModelFiles(tuple(file(f"f{n}", "x" * n) for n in range(12)))
    assert files.size == 66
    assert files.summary.startswith("f11 (11 B), f10 (10 B), f9 (9 B)")
    assert files.summary.endswith("f4 (4 B) and 4 more")
    assert ModelFiles((file("MLmodel"),)).summary == "MLmodel (1 B)"
