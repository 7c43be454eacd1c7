"""Comparisons word for word, every field of them; regenerate the files with `REGENERATE=1` and read
the diff."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from mlflow_gitops.core.comparison.compare import compare
from mlflow_gitops.core.comparison.values import Comparison, Facts
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.plan import ModelPlan, Plan
from mlflow_gitops.core.recorded.values import Metric, Record
from mlflow_gitops.core.verdicts.verdict import Refusal
from mlflow_gitops.render import status
from mlflow_gitops.render.comparison import markdown as comparison_markdown
from mlflow_gitops.render.comparison.brief import brief
from mlflow_gitops.render.comparison.json import comparison_data
from mlflow_gitops.render.comparison.table import metric_change
from mlflow_gitops.render.comparison.text import summary_span, text
from mlflow_gitops.render.plan import pull_request_comment
from mlflow_gitops.render.plan.json import plan_data
from mlflow_gitops.render.plan.text import PlanOutput
from mlflow_gitops.render.plan.text import text as plan_text
from mlflow_gitops.render.terminal import Style
from tests.support.core.commits import BEFORE, FILE
from tests.support.core.comparisons import BARE, LOST, OLD
from tests.support.core.golden import golden
from tests.support.core.promotion import FULL, promotion

PLAIN = Style(io.StringIO())
EMPTY = compare("fraud", BARE, LOST)


def as_json(value: object) -> list[str]:
    return [json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)]


@pytest.mark.parametrize(("name", "found"), [("compare", FULL), ("compare-nothing", EMPTY)])
def test_every_form(name: str, found: Comparison) -> None:
    golden(f"{name}.txt", text(found, PLAIN))
    golden(f"{name}.json", as_json(comparison_data(found)))
    golden(f"{name}.md", comparison_markdown.markdown(found))


def test_a_plan_with_comparisons() -> None:
    golden("plan.txt", plan_text(PlanOutput(promotion()), PLAIN))
    golden("plan.md", [pull_request_comment.comment(promotion())])
    golden("plan.json", as_json(plan_data(promotion())))


def test_status() -> None:
    models = (
        ModelPlan("one", FILE, "Synced", BEFORE.sha, {"Production": (1,)}, {"Production": (1,)}),
        ModelPlan("two", FILE, "Drifted", BEFORE.sha, {"Production": (1,)}, {"Production": (2,)}),
        ModelPlan(
            "three",
            FILE,
            "Unknown",
            None,
            refusals=(Refusal("base_unknown", "no commit", "fetch more"),),
        ),
    )
    golden(
        "status.md",
        status.markdown(Plan(None, models, Fingerprint({}), ("stranger",), ("gone",))),
    )
    assert "**0 models.**" in "\n".join(status.markdown(Plan(None, (), Fingerprint({}))))


# -- in a few words --------------------------------------------------------------------------------


def test_the_line_in_a_plan() -> None:
    line = summary_span(FULL).text
    assert line.startswith(
        "14 compared with 12: accuracy 0.912 → 0.931 (+0.019) on holdout;"
        " accuracy 0.85 → 0.84 (-0.01) on field;"
    )
    for part in (
        "auc on other data, not comparable",
        "signature breaks: input hour: new and required",
        "other data;",
        "size 1.2 MB → 1.5 MB",
        "Python 3.10.12 → 3.11.7",
        "3 params differ",
        "3 libraries differ",
    ):
        assert part in line
    assert (
        summary_span(compare("m", OLD, replace(OLD, version=ObservedVersion(13)))).text
        == "13 compared with 12: signature same"
    )
    assert "not read: The artifacts cannot be read" in summary_span(EMPTY).text


def test_many_metrics_are_counted() -> None:
    def facts(number: int, value: float) -> Facts:
        metrics = {f"m{i}": (Metric(value + i),) for i in range(9)}
        return Facts(ObservedVersion(number), record=Record(metrics=metrics))

    parts = brief(compare("m", facts(1, 0.0), facts(2, 0.5)))
    assert parts[0] == "m0 0 → 0.5 (+0.5)" and parts[4] == "5 more metrics"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0.9, 0.9, "same"),
        (0.9, 0.91, "+0.01"),
        (0.91, 0.9, "-0.01"),
        (None, 0.9, ""),
        (float("nan"), 0.9, "not a number"),
        (float("inf"), float("inf"), "same"),
        (float("-inf"), 1.0, "+inf"),
    ],
)
def test_differences(before: float | None, after: float | None, expected: str) -> None:
    assert metric_change(before, after) == expected


def test_numbers_that_json_has_not_are_text() -> None:
    record = Record(metrics={"m": (Metric(float("nan")),), "n": (Metric(float("-inf")),)})
    found = compare(
        "m", Facts(ObservedVersion(1), record=record), Facts(ObservedVersion(2), record=record)
    )
    as_json(comparison_data(found))
    assert [pair["from"] for pair in comparison_data(found)["metrics"]] == ["nan", "-inf"]


def test_hostile_text_reaches_no_terminal() -> None:
    evil = "x\x1b[2J\r\n\u202egnp"
    record = Record(
        metrics={evil: (Metric(1.0),)}, params={evil: evil}, data={evil: evil}, code_commit=evil
    )
    side = Facts(
        ObservedVersion(1, evil, run_id=evil, source=evil, status=evil),
        (evil,),
        record,
        None,
        {"file": evil},
    )
    found = compare(evil, side, BARE)
    for line in (*text(found, PLAIN), summary_span(found).text):
        assert not {"\x1b", "\r", "\n", "\u202e"} & set(line)


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_remark_is_never_a_column_of_letters(width: int) -> None:
    style = Style(io.StringIO())
    style.width = width
    lines = list(text(FULL, style))
    assert not [line for line in lines if len(line.strip()) == 1]
