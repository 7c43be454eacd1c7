"""The tables of formats: each renderer exists and takes what its command found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_type_hints

import pytest
from typer.testing import CliRunner

from mlflow_gitops.cli import app
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.render import formats
from mlflow_gitops.render.formats import Formats, is_for_programs

TABLES = {name: value for name, value in vars(formats).items() if isinstance(value, Formats)}


@pytest.mark.parametrize("table", TABLES)
def test_every_renderer_takes_the_result_of_its_command(table: str) -> None:
    expected = re.search(
        rf"^{table}: Formats\[(\w+)\]", Path(formats.__file__).read_text("utf-8"), re.M
    )
    assert expected is not None
    for name in TABLES[table].names:
        renderer = TABLES[table].renderer(name)
        result, *others = renderer.__code__.co_varnames[: renderer.__code__.co_argcount]
        assert get_type_hints(renderer)[result].__name__ == expected[1], (table, name)
        assert len(others) == len(renderer.__defaults__ or ()), "all others have a default"


def test_one_line_adds_a_format(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow_gitops.render import problems

    def count(snapshot: Snapshot) -> list[str]:
        return [f"{snapshot.count} manifests"]

    monkeypatch.setattr(problems, "count", count, raising=False)
    table: Formats[Snapshot] = Formats(text="problems:text", count="problems:count")
    assert table.names == ("text", "count")
    assert list(table.renderer("count")(Snapshot(count=3))) == ["3 manifests"]


def test_the_command_line_offers_what_the_table_names() -> None:
    shown = CliRunner().invoke(app, ["log", "--help"]).output
    assert f"[{'|'.join(formats.LOG.names)}]" in shown


def test_formats_for_programs() -> None:
    assert [name for name in formats.LOG.names if is_for_programs(name)] == ["json", "jsonl", "csv"]
    assert not is_for_programs("markdown")
