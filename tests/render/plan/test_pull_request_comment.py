"""Markdown that GitHub may render under the project's name: nothing that others wrote comes alive
in it, and it fits.

It is read here by a CommonMark and GFM parser that finds links as GitHub does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mlflow_gitops.core.comparison.compare import compare
from mlflow_gitops.core.comparison.values import Comparison, Facts
from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.history.web_pages import WebPages
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.mlflow_pages import MlflowPages, pages_of
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, RemovedManifest, StageChange
from mlflow_gitops.core.plan.review import (
    HeldSince,
    PlanLinks,
    ReviewedVersion,
    StageReview,
    VersionCopy,
)
from mlflow_gitops.core.recorded.values import Dataset, Metric, ModelFile, Record, Signature
from mlflow_gitops.core.verdicts.verdict import (
    ChangeApprovers,
    Refusal,
    ReturningVersion,
    Verdict,
)
from mlflow_gitops.core.yaml.document import CONTROL
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.render import problems, status
from mlflow_gitops.render.comparison import markdown as comparison_markdown
from mlflow_gitops.render.markdown_safe import LIMIT, Block, bounded, cell, code, table
from mlflow_gitops.render.plan import pull_request_comment

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "20"))
GITHUB = MarkdownIt("gfm-like", {"linkify": True})
OURS = re.compile(r"</?sub>|<details><summary>\d+ compared with \d+</summary>|</details>")

PIECES = [
    "@user", "@org/team", "#12", "GH-12", "owner/repo#3", "http://x.example/", "www.x.example",
    "a@b.example", "<img src=x>",
    "<!--", "-->", "</details>", "</summary>", "<script>", "<https://x.example>", "[a](b)",
    "![a](b)", "[a]: /url", "[^1]",
    "`", "``", "```", "~~~", "|", "\\", "\\|", "\n", "\r\n", "\n\n", "# h", "- i", "> q", "1. i",
    "    x", "---", "===",
    "| --- |", "*", "**", "_", "~", "&lt;", "&#64;user", ":tada:", "$x$", "$`x`$",
    "\u202e", "\u2066", "\x1b[2J", "\x00", "\u2028", "\x85", "\t", " ", "", "word", "e",
    "\N{ZERO WIDTH SPACE}", "\ud800",
]  # fmt: skip
hostile = (
    st.lists(st.sampled_from(PIECES) | st.text(max_size=3), min_size=1, max_size=6)
    .map("".join)
    .filter(bool)
)


def tokens(lines: Iterable[str]) -> list[Token]:
    return GITHUB.parse("\n".join(lines))


def inner(found: Iterable[Token]) -> list[Token]:
    return [child for token in found for child in token.children or ()]


def a_comparison(w: str) -> Comparison:
    """Everything that has a text, with this one."""

    def side(number: int, run: str | None) -> Facts:
        metrics = {
            w: (Metric(number, dataset=Dataset(w, w)),),
            f"{w}2": (Metric(number, dataset=Dataset(w, str(number))),),
        }
        given = [
            {"name": f"{w}{number}", "type": w, "required": number > 1},
            {"name": w, "type": f"{w}{number}"},
        ]
        return Facts(
            ObservedVersion(
                number, w, run_id=run, source=w, model_id=w, status=w or "READY", created=w
            ),
            (w, f"@{w}"),
            Record(metrics, {w: f"{w}{number}"}, (Dataset(w, w),), {w: w}, w),
            ModelFile(
                Signature(tuple(given), tuple(given)), number, f"{w}{number}", {w: f"{w}{number}"}
            ),
            {"file": w},
        )

    return compare(w, side(1, w), side(2, w))


def a_plan(w: str) -> Plan:
    commit = Commit("a" * 40, w, w, f"{w} (#7)")
    model = ModelPlan(
        w, f"{w}f", "Pending", w, {w: (1,)}, {w: (2,)},
        stages=(
            StageChange(
                w, (1,), (2,), "commit", commit, comparison=a_comparison(w), review=a_review(w)
            ),
            StageChange(f"{w}s", (3,), (4,), "drift", None, w),
        ),
        changes=(
            Change("register_version", 2, None, None, w, commit=commit),
            Change("set_tag", 2, w, f"{w}a", f"{w}b", commit=commit),
            Change("set_description", None, None, f"{w}a", f"{w}b", "drift"),
            Change("delete_tag", None, w, f"{w}a", None),
        ),
        gates=(
            Verdict(w, 2, w, "failed", w, until=f"{w}u", needs=w), Verdict(w, 2, w, "exempt", w),
            Verdict(f"{w}x", 9, w, "passed", w),
        ),
        refusals=(Refusal(w, w, w),),
        notes=(w,),
        deferred=f"{w}d",
        owners=(w, f"{w}o"),
        approvers=ChangeApprovers((w,), 7),
        returning=(ReturningVersion(w, 2, commit),),
    )  # fmt: skip
    made_from = Fingerprint({})
    refusals = (Refusal(w, w, w),)
    return Plan(
        "a" * 40, (model, model), made_from, (w,), (w, w), refusals, w, 1, notices=(w, w),
        removed=(RemovedManifest(w, {w: (1,)}),), made_at="2026-02-01T00:00:00Z",
        links=PlanLinks(MlflowPages(None, None)),
    )  # fmt: skip


def a_review(w: str) -> StageReview:
    data = (Dataset(w, w), Dataset("", w))
    elsewhere = (VersionCopy(w, 3, (w,)),)
    before = ReviewedVersion(1, w, w, w, data, elsewhere)
    after = ReviewedVersion(2, "b" * 32, w, "c" * 40, data, elsewhere, has_code=True)
    return StageReview(before, after, HeldSince("2026-01-01T00:00:00Z"))


FORMS: dict[str, Callable[[str], Iterable[str]]] = {
    "plan": lambda w: [pull_request_comment.comment(a_plan(w))],
    "status": lambda w: status.markdown(a_plan(w)),
    "compare": lambda w: comparison_markdown.markdown(a_comparison(w)),
    "problems": lambda w: problems.markdown(
        Snapshot(problems=[Problem(w, 1, 2, w, w), Problem(f"{w}b", 3, 4, w, w)])
    ),
}


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(text=hostile)
def test_nothing_of_others_comes_alive(form: str, text: str) -> None:
    page = list(FORMS[form](text))
    found = tokens(page)
    # The page is built as it is with a harmless word in place of the text.
    assert [token.type for token in found] == [token.type for token in tokens(FORMS[form]("word"))]
    parts = inner(found)
    assert not {token.type for token in parts} & {"link_open", "image"}
    for token in (*found, *parts):
        if token.type in ("html_block", "html_inline"):
            assert OURS.fullmatch(token.content.strip()), token.content
    for token in parts:
        if token.type == "text":
            assert "@" not in token.content and "GH-" not in token.content, token.content
            assert re.findall(r"#\w+", token.content) in ([], ["#7"]), token.content
    assert not CONTROL.search("\n".join(page))


HOMES = ("https://mlflow.example/base/#/", "https://github.com/acme/models/")


@settings(max_examples=EXAMPLES, deadline=None)
@given(text=hostile)
def test_links_lead_to_our_servers_alone(text: str) -> None:
    """Whatever names, people and ids are made of: each link is one that we made."""
    pages = pages_of("https://mlflow.example/base/", "https://mlflow.example/base")
    home = HOMES[1]
    forge = WebPages(f"{home}commit/{{}}", f"{home}pull/{{}}", f"{home}compare/{{}}...{{}}")
    plans = [replace(a_plan(w), links=PlanLinks(pages, forge)) for w in (text, "word")]
    found, expected = (tokens([pull_request_comment.comment(plan)]) for plan in plans)
    assert [token.type for token in found] == [token.type for token in expected]
    links = [token.attrs["href"] for token in inner(found) if token.type == "link_open"]
    assert len(links) == len([t for t in inner(expected) if t.type == "link_open"]) > 5
    assert all(str(link).startswith(HOMES) for link in links)
    assert not {token.type for token in inner(found)} & {"image"}


@settings(max_examples=EXAMPLES * 3, deadline=None)
@given(text=hostile | st.text(alphabet="`\\| a", max_size=12))
def test_a_code_span_holds_all_of_it(text: str) -> None:
    for page, shown in (
        (f"so {code(text)}, and", code),
        (table(("a", "b"), [(cell(text), cell(text))]), cell),
    ):
        spans = [token for token in inner(GITHUB.parse(page)) if token.type == "code_inline"]
        assert len(spans) == (1 if shown is code else 2), page
        told = spans[-1].content
        assert told.replace(" ", "").strip('"') == _plain(text).replace(" ", "").strip('"')


def _plain(text: str) -> str:
    from mlflow_gitops.render.terminal import safe

    return safe(text)


def test_long_text_is_cut() -> None:
    assert code("x" * 1000, 10) == "`xxxxxxxxx…`" and len(code("`" * 1000)) < 1000


def test_pipes_after_backslashes_part_no_cell() -> None:
    assert cell("a|b") == r"`a\|b`" and cell(r"a\|b") == r"`a\ \|b`" and cell("a\\") == "`a\\`"


# -- how long it may be ----------------------------------------------------------------------------


def many(count: int, refused: Iterable[int] = ()) -> Plan:
    models = [
        ModelPlan(
            f"model-{i:04}",
            f"registry/models/model-{i:04}.yaml",
            "Pending",
            None,
            stages=(
                StageChange("Production", (1,), (2,), "commit", None, comparison=a_comparison("x")),
            ),
            changes=(Change("transition", 2, None, "None", "Production"),),
            refusals=(Refusal("gate", "no", "yes"),) if i in refused else (),
        )
        for i in range(count)
    ]
    return Plan(None, tuple(models), Fingerprint({}))


def page(plan: Plan, limit: int = LIMIT) -> str:
    return pull_request_comment.comment(plan, limit) + "\n"


@pytest.mark.parametrize("count", [0, 1, 10, 60, 600])
@pytest.mark.parametrize("limit", [2_000, LIMIT])
def test_a_page_fits_and_keeps_its_summary(count: int, limit: int) -> None:
    found = page(many(count, [count - 1]), limit)
    assert len(found.encode()) <= limit
    assert re.match(r"## Model registry: plan\n\n.{1,2} \*\*Plan: .*\.\*\*\n", found), (
        "what it comes to is the first line"
    )
    shown = found.count("### ")
    assert shown + int((re.findall(r"… and (\d+) more model", found) or ["0"])[0]) == count
    assert found.count("<details>") == found.count("</details>")
    if count == 10 and limit == LIMIT:
        assert shown == 10 and found.count("<details>") == 10 and "left out" not in found
    if count > 1:
        # The one that is refused is listed, however many others are cut.
        assert f"model-{count - 1:04}" in found and "Refused" in found


def test_details_go_before_models_do() -> None:
    found = page(many(60))
    assert found.count("### ") == 60 and 0 < found.count("<details>") < 60
    assert "Comparisons were left out for length." in found and "more model" not in found


def test_a_status_of_thousands_fits_and_keeps_what_is_not_synced() -> None:
    models = tuple(
        ModelPlan(f"m{i}", None, "Synced" if i != 4_999 else "Drifted", None) for i in range(5_000)
    )
    found = "\n".join(status.markdown(Plan(None, models, Fingerprint({}))))
    assert (
        len(found.encode()) <= LIMIT
        and "`m4999` | Drifted" in found
        and "4999 Synced, 1 Drifted" in found
    )
    assert "more models." in found


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 900), st.booleans()), max_size=12),
    st.integers(500, 3_000),
)
def test_any_blocks_fit(sizes: list[tuple[int, int, bool]], limit: int) -> None:
    blocks = [Block("é" * (short + more), "é" * short, urgent) for short, more, urgent in sizes]
    found = bounded("head", blocks, "tail", "model", limit)
    assert len(found.encode()) <= limit and found.startswith("head") and found.endswith("tail")


FOXTROT = "The merge abc1234 changed the first parents of main."
BEHIND = "this clone is behind origin: git pull"


@pytest.mark.parametrize(
    "notices", [(FOXTROT,), (BEHIND,), (FOXTROT, BEHIND), ("@user <!-- & `x`",), ("n",) * 14]
)
def test_the_notices_of_a_plan_are_shown(notices: tuple[str, ...]) -> None:
    plan = replace(many(3), notices=notices)
    for found in (page(plan), "\n".join(status.markdown(plan))):
        shown = [f"⚠️ {code(notice)}" for notice in notices[:10]]
        assert [line for line in found.split("\n") if line.startswith("⚠️ `")] == shown
        assert ("and 4 more notices" in found) is (len(notices) == 14)


def test_many_notices_and_models_fit() -> None:
    assert len(page(replace(many(600), notices=("é" * 900,) * 99), 20_000).encode()) <= 20_000


def test_a_list_of_many_things_is_counted() -> None:
    changes = tuple(Change("set_tag", i, "k", "a", "b") for i in range(100))
    model = ModelPlan("m", None, "Pending", None, changes=changes)
    assert "… and 60 more changes" in page(Plan(None, (model,), Fingerprint({})))
    params = {f"p{i}": "x" for i in range(100)}
    sides = [
        Facts(ObservedVersion(n), record=Record(params=params if n == 1 else {})) for n in (1, 2)
    ]
    assert "… and 60 more." in "\n".join(comparison_markdown.markdown(compare("m", *sides)))
