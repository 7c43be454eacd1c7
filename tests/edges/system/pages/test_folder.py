"""A folder of pages that is written again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_gitops.edges.system.pages.folder import write_pages
from mlflow_gitops.errors import Failure

MARK = '<meta name="generator" content="us">'


def write(out: Path, **files: str) -> None:
    pages = {name.replace("_", "/") + ".html": text.encode() for name, text in files.items()}
    write_pages(out, pages.items(), "models", MARK)


def test_pages_of_before_go_and_other_files_stay(tmp_path: Path) -> None:
    write(tmp_path, models_a=f"{MARK} a", models_b=f"{MARK} b", index=f"{MARK} 1")
    (tmp_path / "models/notes.html").write_text("a page of somebody else")
    (tmp_path / "CNAME").write_text("models.example.org")
    write(tmp_path, models_b=f"{MARK} b2", index=f"{MARK} 2")
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {"index.html", "models/b.html", "models/notes.html", "CNAME"}
    assert (tmp_path / "models/b.html").read_text() == f"{MARK} b2"


def test_a_page_that_cannot_be_written_leaves_the_index_of_before(tmp_path: Path) -> None:
    write(tmp_path, index="before")
    (tmp_path / "models").write_text("no folder")
    with pytest.raises(Failure, match=r"could not be written to .*models/a\.html"):
        write(tmp_path, models_a="a", index="after")
    assert (tmp_path / "index.html").read_text() == "before"
    assert not list(tmp_path.glob(".*"))


def test_a_folder_below_one_that_is_missing_is_made(tmp_path: Path) -> None:
    write(tmp_path / "public/q1", index="1")
    assert (tmp_path / "public/q1/index.html").read_text() == "1"
