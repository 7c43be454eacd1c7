"""How text is cut, wrapped and put into columns, in cells of a terminal."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_gitops.render.console.layout import (
    Column,
    Styled,
    TableRow,
    cell_width,
    cut_middle,
    fitted,
    padded,
    paragraph,
    table_lines,
)
from mlflow_gitops.render.terminal import Style
from tests.support.console.streams import Terminal

TEXT = st.text(alphabet="ab -_é模🎉ｶ→", max_size=60)
ESCAPE = re.compile("\033\\[[0-9]+m|\033\\]8;;[^\033]*\033\\\\")


def style(width: int | None, stream: io.StringIO | None = None) -> Style:
    styled = Style(stream or io.StringIO())
    styled.width = width
    return styled


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("模型", 4), ("🎉", 2), ("e\u0301", 1), ("ｶ", 1), ("", 0)]
)
def test_cells(text: str, width: int) -> None:
    assert cell_width(text) == width
    assert cell_width(padded(text, 9)) == 9


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("fraud-detector-eu-west-2", 12, "fraud-…est-2"),
        ("fraud-detector", 14, "fraud-detector"),
        ("模型模型模型", 7, "模…型"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_the_middle_is_cut(text: str, width: int, cut: str) -> None:
    assert cut_middle(text, width) == cut


@settings(deadline=None)
@given(TEXT, st.integers(1, 40))
def test_what_is_cut_fits(text: str, width: int) -> None:
    assert cell_width(cut_middle(text, width)) <= width


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4), st.integers(12, 50))
def test_a_paragraph_fits_and_loses_nothing(texts: list[str], width: int) -> None:
    lines = list(paragraph([Styled(text) for text in texts], style(width), "  ", "    "))
    assert all(cell_width(line) <= width for line in lines)
    shown = "".join(line.strip() for line in lines)
    assert shown.replace(" ", "") == "".join(texts).replace(" ", "")


def test_a_paragraph_breaks_at_spaces() -> None:
    spans = [Styled("refused: "), Styled("2 may not enter Production", "red")]
    assert list(paragraph(spans, style(20), "  ", "      ")) == [
        "  refused: 2 may not",
        "      enter",
        "      Production",
    ]
    assert list(paragraph(spans, style(None), "  ")) == ["  refused: 2 may not enter Production"]
    coloured = style(20, Terminal())
    coloured.on = True
    lines = list(paragraph(spans, coloured, "  ", "      "))
    assert lines[0] == "  refused: \033[31m2 may not\033[0m"
    assert lines[1] == "      \033[31menter\033[0m"


@pytest.mark.parametrize(
    ("widths", "width", "expected"),
    [
        ([30, 10, 9], None, [30, 10, 9]),
        ([30, 10, 9], 53, [30, 10, 9]),
        ([30, 10, 9], 43, [20, 10, 9]),
        ([30, 20, 9], 40, [13, 14, 9]),
        ([30, 10, 9], 10, [12, 10, 9]),
    ],
)
def test_the_widest_column_is_cut_first(
    widths: list[int], width: int | None, expected: list[int]
) -> None:
    assert fitted(widths, [Column(12), Column(10), Column()], width) == expected


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(TEXT.filter(str.strip), TEXT.filter(str.strip), TEXT), min_size=1, max_size=4
    ),
    st.integers(40, 90),
)
def test_a_table_fits(rows: list[tuple[str, str, str]], width: int) -> None:
    columns = (Column(8), Column(8))
    table = [TableRow([Styled(a), Styled(b)], [Styled(c)] if c.strip() else []) for a, b, c in rows]
    lines = list(table_lines(table, columns, style(width)))
    assert all(cell_width(line) <= width for line in lines)
    assert len(lines) >= len(rows)


def test_the_last_text_of_a_row_is_wrapped_below_itself() -> None:
    table = [
        TableRow(
            [Styled("fraud-detector"), Styled("Production")],
            [Styled("refused: metrics, soak and tags")],
        ),
        TableRow([Styled("模型"), Styled("Staging")], [Styled("to apply")]),
    ]
    columns = (Column(12), Column(10))
    assert list(table_lines(table, columns, style(50))) == [
        "fraud-…ector  Production  refused: metrics, soak",
        "                          and tags",
        "模型          Staging     to apply",
    ]
    assert list(table_lines(table, columns, style(30)))[:3] == [
        "fraud-detector  Production",
        "    refused: metrics, soak and",
        "    tags",
    ]
