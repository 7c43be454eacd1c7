"""The report's files: an index, and a page for each model. Each holds everything it shows, opens
from disk, and makes no requests."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from mlflow_gitops.core.audit.report.activity import DAYS, activity
from mlflow_gitops.core.audit.trail import AuditedEvent
from mlflow_gitops.core.times import format_minute
from mlflow_gitops.core.wording import counted
from mlflow_gitops.render.report.cards import Cards, Positions
from mlflow_gitops.render.report.page_names import INDEX, page_names
from mlflow_gitops.render.report.rows import event_row, evidence_lines
from mlflow_gitops.render.report.summary import choices, model_rows, summary, waiting
from mlflow_gitops.render.report.values import Report
from mlflow_gitops.render.terminal import safe

MOST_CARDS, MOST_EVENTS = 20, 500
"""An index of so many models and events shows them whole. A larger one has a row for each model,
and the newest events."""
_NEWEST = 200

GENERATOR = '<meta name="generator" content="mlflow-gitops report">'
"""By this line a page is known as one that this command wrote."""

_TEMPLATES = Path(__file__).parents[1] / "templates/report"


def report_pages(report: Report) -> Iterator[tuple[str, str]]:
    """(path in the report's folder, HTML) of each page, the index last."""
    names = page_names(report.models)
    cards = Cards(report)
    by_model: dict[str, list[tuple[int, AuditedEvent]]] = {}
    for index, audited in report.shown_events:
        by_model.setdefault(audited.event.model or "", []).append((index, audited))

    for model, path in names.items():
        yield path, _model_page(report, cards, model, by_model.get(model, []))
    yield INDEX, _index(report, cards, names)


class EnvironmentRow(NamedTuple):
    """One environment of the page that links the reports: its MLflow, its report's page (empty if
    it could not be written) and what went wrong."""

    name: str
    address: str
    page: str
    fault: str


def environments_page(title: str, rows: Sequence[EnvironmentRow]) -> str:
    """The page that links the report of each environment."""
    return _page("environments.html.j2", Positions(), title=title, rows=rows)


def _index(report: Report, cards: Cards, names: Mapping[str, str]) -> str:
    recent = activity(report.events, report.incidents, report.at)
    rows = model_rows(report, cards, recent)
    shown = report.shown_events
    is_whole = len(rows) <= MOST_CARDS and len(shown) <= MOST_EVENTS
    positions = Positions()
    events = shown
    if not is_whole:
        newest, older = shown[:_NEWEST], shown[_NEWEST:]
        events = newest + [entry for entry in older if entry[1].event.model is None]
    incidents = report.incidents if is_whole else report.incidents[-_NEWEST:]
    return _page(
        "index.html.j2",
        positions,
        report=report,
        names=names,
        figures=summary(report, recent),
        days=DAYS,
        waiting=waiting(report),
        rows=rows,
        counts=Counter(sorted(plan.sync for plan in report.plans().values())),
        choices=choices(rows),
        models=[cards.card(name, positions) for name in names] if is_whole else [],
        is_whole=is_whole,
        events=[event_row(index, audited, report.pages) for index, audited in events],
        event_count=len(shown),
        incidents=incidents[::-1],
        ticks=cards.timeline.ticks(),
        root="",
    )


def _model_page(
    report: Report, cards: Cards, model: str, events: list[tuple[int, AuditedEvent]]
) -> str:
    positions = Positions()
    rows = [
        event_row(index, audited, report.pages, evidence_lines(audited, report))
        for index, audited in events
    ]
    return _page(
        "model.html.j2",
        positions,
        report=report,
        model=cards.card(model, positions),
        owners=report.owners.get(model, ()),
        environments=report.environments.get(model, ()),
        events=rows,
        incidents=[incident for incident in report.incidents if incident.model == model][::-1],
        ticks=cards.timeline.ticks(),
        root="../",
    )


def _page(template: str, positions: Positions, **values: Any) -> str:
    """A page whose policy allows exactly its own stylesheet and script, by their hashes."""
    from markupsafe import Markup

    style, script = _asset("style.css") + "".join(positions.rules()), _asset("script.js")
    sources = f"style-src {_hash(style)}; script-src {_hash(script)}"
    html = (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),
            script=Markup(script),
            generator=Markup(GENERATOR),
            content_policy=f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'",
            **values,
        )
    )
    return str(html)


def _hash(text: str) -> str:
    """A source of a content security policy: the hash of an inline block."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= {"counted": counted, "minute": format_minute, "short": _short}
    return environment


def _finalize(value: object) -> object:
    """Escape control characters in text from git, manifests and the registry: they could hide or
    reorder what the page shows. Markup of the templates themselves is a subclass of str."""
    return safe(value) if type(value) is str else value


def _short(sha: str | None) -> str:
    return (sha or "")[:7]
