"""What people see on terminals of 80, 120 and 200 columns: the plan, the status, the log and one
model, with names that are long, East Asian or an emoji."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

import pytest

from mlflow_gitops.core.audit.events import Event
from mlflow_gitops.core.audit.stage_holders import Since, StageHolders
from mlflow_gitops.core.audit.trail import AuditedEvent, Effect
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.people import People
from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.plan import ModelPlan, Plan
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.render import log, show, status
from mlflow_gitops.render.console.layout import cell_width
from mlflow_gitops.render.log import Log
from mlflow_gitops.render.plan.text import PlanOutput
from mlflow_gitops.render.plan.text import text as plan_text
from mlflow_gitops.render.show import HoldersAt, OneModel
from mlflow_gitops.render.terminal import Style
from tests.support.core.golden import golden
from tests.support.core.one_model import make_desired
from tests.support.core.promotion import promotion

LONG = "customer-lifetime-value-forecast-for-the-whole-of-central-europe-v2"
NAMES = ("fraud-detector", LONG, "解約予測モデル", "🎉 party")
WIDTHS = (80, 120, 200)


def terminal(width: int | None) -> Style:
    style = Style(io.StringIO())
    style.width = width
    return style


def a_status() -> Plan:
    far = Refusal(
        "base_unknown",
        "MLflow was reconciled to 3f2a9c1, which is not on the main line of this clone",
        "git pull",
    )
    models = [
        ModelPlan(name, f"{name}.yaml", "Synced", None, {"Production": (12,), "Staging": (14,)})
        for name in NAMES
    ]
    models.append(ModelPlan("lost", "lost.yaml", "Unknown", None, refusals=(far,)))
    return Plan(None, tuple(models), Fingerprint({}), unmanaged=("other",))


def a_log() -> Log:
    subjects = (
        "Promote 14: recall +1.2 pt on the holdout of January (#128)",
        "昇格 (#7)",
        "Back",
        "",
    )
    events = []
    for index, (name, subject) in enumerate(zip(NAMES, subjects, strict=True)):
        commit = Commit(f"{index}" * 40, f"2026-01-0{index + 1}T09:12:00Z", "", subject)
        event = Event("stage", index, commit, name, "Production", (12,), (14,))
        people = People(
            "Ada Lovelace-Byron <ada@example.org>",
            approved_by=("@carol",),
            approved_by_source="receipt",
            pull_request=128 if index == 0 else None,
            pull_request_source="api" if index == 0 else None,
        )
        effect = Effect(f"2026-01-0{index + 1}T09:14:00Z", "applied") if index else None
        events.append(AuditedEvent(event, people, effect=effect))
    return Log(events, has_receipts=True)


def a_model() -> HoldersAt:
    audited = a_log().events[1]
    holders = StageHolders(
        LONG, {"Production": (14,)}, {"Production": Since("2026-01-02T09:12:00Z", "1" * 40)}
    )
    desired = make_desired("stages: {Production: 14}")
    details = OneModel(
        LONG, desired, {"Production": audited}, now="2026-02-01T00:00:00Z", has_receipts=True
    )
    return HoldersAt("2026-02-01T00:00:00Z", "1" * 40, [holders], details)


def all_holders() -> HoldersAt:
    since = {"Production": Since("2026-01-02T09:12:00Z", "1" * 40)}
    models = [StageHolders(name, {"Production": (14,), "Canary 🐤": ()}, since) for name in NAMES]
    return HoldersAt("2026-02-01T00:00:00Z", "1" * 40, models)


def screens(style: Style) -> Iterator[tuple[str, Iterable[str]]]:
    yield "plan", plan_text(PlanOutput(promotion()), style)
    yield "status", status.text(a_status(), style)
    yield "log", log.text(a_log(), style)
    yield "show", show.text(a_model(), style)
    yield "show of all", show.text(all_holders(), style)


@pytest.mark.parametrize("width", WIDTHS)
def test_on_a_terminal(width: int) -> None:
    lines: list[str] = []
    for title, screen in screens(terminal(width)):
        lines += [f"-- {title} ".ljust(width, "-"), *screen, ""]
    assert [line for line in lines if cell_width(line) > width] == []
    golden(f"terminal-{width}.txt", lines)


@pytest.mark.parametrize("width", [60, 61, 79, 100, 111, 159])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    for title, screen in screens(terminal(width)):
        assert [line for line in screen if cell_width(line) > width] == [], title


def test_without_a_terminal_nothing_is_cut_or_wrapped() -> None:
    for title, screen in screens(terminal(None)):
        text = "\n".join(screen)
        assert "…" not in text.replace("… soak", "").replace("… not applied", ""), title
        assert title == "plan" or all(name in text for name in (LONG,)), title


def test_links_on_a_terminal_that_shows_them() -> None:
    """They take no cells, and lead to the commit, the version, the run and the code."""
    style = terminal(80)
    style.on = style.shows_links = True
    lines = list(plan_text(PlanOutput(promotion()), style))
    links = re.findall("\033]8;;([^\033]+)\033", "\n".join(lines))
    assert {
        "https://mlflow.example/#/models/fraud-detector/versions/14",
        f"https://mlflow.example/#/runs/{'b' * 32}",
        f"https://github.com/acme/models/commit/3f2a9c1{'0' * 33}",
        f"https://github.com/acme/models/compare/{'c' * 40}...{'d' * 40}",
        "https://github.com/acme/models/pull/128",
    } <= set(links)
    shown = [re.sub("\033]8;;[^\033]*\033\\\\|\033\\[[0-9]+m", "", line) for line in lines]
    assert "\033" not in "".join(shown)
    assert all(cell_width(line) <= 80 for line in shown)
    assert "code changes since 12" in " ".join(" ".join(shown).split())


def test_columns_stand_below_each_other_whatever_the_letters() -> None:
    lines = list(status.text(a_status(), terminal(None)))[: len(NAMES)]
    positions = {cell_width(line[: line.index("Synced")]) for line in lines}
    assert len(positions) == 1
    lines = [line for line in log.text(a_log(), terminal(None)) if "Production" in line]
    assert len({cell_width(line[: line.index("Production")]) for line in lines}) == 1
