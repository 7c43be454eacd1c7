"""The audit trail as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from mlflow_gitops.render.log import Log, event_data
from mlflow_gitops.render.terminal import safe

COLUMNS = (
    "type",
    "at",
    "commit",
    "model",
    "stage",
    "from",
    "to",
    "author",
    "co_authors",
    "merged_by",
    "approved_by",
    "approved_by_source",
    "pr",
    "pr_source",
    "subject",
    "overrides",
    "effect",
    "effect_at",
    "detail",
    "author_source",
    "opened_by",
    "pushed_by",
    "signed_by",
    "signed_by_author",
)
"""The columns of the CSV form."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a cell that begins so for a formula, wherever its text came from."""


def as_csv(log: Log) -> Iterator[str]:
    """CSV (RFC 4180) with a header. Several values in one cell are separated by `; `. With
    `spreadsheet_safe`, a cell that a spreadsheet would run as a formula begins with an
    apostrophe."""
    yield ",".join(COLUMNS)
    for audited in log.events:
        data = event_data(audited)
        effect = data["effect"] or {}
        data["overrides"] = [
            f"{used.gate}{used.claim}: {used.reason}" for used in audited.overrides
        ]
        data |= {"effect": effect.get("result"), "effect_at": effect.get("at")}

        line = io.StringIO()
        writer = csv.writer(line, lineterminator="")
        cells = [_csv_cell(data[column]) for column in COLUMNS]
        writer.writerow(map(_guarded, cells) if log.spreadsheet_safe else cells)
        yield line.getvalue()


def _csv_cell(value: object) -> str:
    if isinstance(value, list):
        text = "; ".join(map(str, value))
    else:
        text = "" if value is None else str(value)
    return safe(text)


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
