"""The summary that a plan begins with: every model counted once, refused ones first and never cut,
and a row for each thing that a reviewer must not miss."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from mlflow_gitops.core.history.mainline import Commit
from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.overview import Overview, overview
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, RemovedManifest, StageChange
from mlflow_gitops.core.verdicts.verdict import Refusal, ReturningVersion, Verdict
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.render.markdown_safe import LIMIT, prose
from mlflow_gitops.render.plan.overview import closing
from mlflow_gitops.render.plan.pull_request_comment import comment
from mlflow_gitops.render.plan.text import PlanOutput
from mlflow_gitops.render.plan.text import text as plan_text
from mlflow_gitops.render.terminal import Style

GITHUB = MarkdownIt("gfm-like", {"linkify": True})
MOVE = Change("transition", 2, None, "Staging", "Production")
STAMP = Change("set_tag", None, "gitops.commit", None, "a" * 40)
TOO_SLOW = Commit("2998ad6" + "0" * 33, "2026-01-02T03:04:05Z", "A Person <a@x>", "too slow")


def promoted(name: str, **more: object) -> ModelPlan:
    """A model whose Production goes from 1 to 2."""
    row = StageChange("Production", (1,), (2,), "commit", TOO_SLOW)
    return ModelPlan(name, f"{name}.yaml", "Pending", "a", stages=(row,), changes=(MOVE,), **more)  # type: ignore[arg-type]


def refused(name: str, *gates: str) -> ModelPlan:
    verdicts = tuple(Verdict("Production", 2, gate, "failed", "1 < 2") for gate in gates)
    refusal = Refusal("gate", "2 may not enter Production: 1 < 2", "meet the gate", "commit")
    model = promoted(name, gates=verdicts, refusals=(refusal,))
    return replace(model, changes=(replace(MOVE, applies=False),))


def adopted(name: str, **more: object) -> ModelPlan:
    return ModelPlan(name, None, "Synced", None, stamps=(STAMP,), is_adoption=True, **more)  # type: ignore[arg-type]


def plan_of(*models: ModelPlan, **more: object) -> Plan:
    return Plan("a" * 40, models, Fingerprint({}), **more)  # type: ignore[arg-type]


def lines_of(plan: Plan) -> list[str]:
    return list(plan_text(PlanOutput(plan), Style(io.StringIO())))


def table_of(plan: Plan) -> list[str]:
    """The rows of the table in the text form, without its head."""
    lines = lines_of(plan)
    return [re.sub(" {2,}", " | ", line) for line in lines[1 : lines.index("")]]


def test_refused_models_come_first_and_the_counts_add_up() -> None:
    adoptions = [adopted(f"old-{number}") for number in range(17)]
    plan = plan_of(*adoptions, promoted("b"), refused("a", "metrics", "soak"), refused("c", "tags"))
    assert lines_of(plan)[:5] == [
        "model  stage       from → to  verdict",
        "a      Production  1 → 2      ✗ refused: metrics, soak",
        "c      Production  1 → 2      ✗ refused: tags",
        "b      Production  1 → 2      ✓ to apply",
        "adopted as MLflow has them: old-0, old-1, old-2, old-3, old-4 and 12 more",
    ]
    closed = "Plan: 20 models: 2 refused, 1 to apply, 17 adopted; 1 change to make, 2 held back."
    assert lines_of(plan)[-1] == closed and closed in comment(plan).splitlines()[2]
    details = [line for line in lines_of(plan) if line.endswith(".yaml")]
    assert [line.split()[0] for line in details] == ["a", "c", "b"]


WAITING = Verdict("Production", 2, "approvals", "waiting", "needs 1 approval", needs="1 approval")
SOAKING = Verdict(
    "Production", 2, "soak", "waiting", "5 h of 24 h in Staging", until="2026-01-03T00:00:00Z"
)
BY_HAND = Change("set_alias", None, "production", 2, 3)


@pytest.mark.parametrize(
    ("plan", "row", "counted"),
    [
        (
            plan_of(promoted("m", gates=(WAITING,))),
            "m | Production | 1 → 2 | … waits for approvals",
            "1 waiting",
        ),
        (
            plan_of(promoted("m", gates=(SOAKING,), deferred=SOAKING.until)),
            "m | Production | 1 → 2 | … waits until 2026-01-03 00:00 UTC: soak",
            "1 waiting",
        ),
        (
            plan_of(adopted("m", changes=(BY_HAND,))),
            "m | @production | 2 → 3 | ✓ to apply; set by hand in MLflow until now",
            "1 to apply",
        ),
        (
            plan_of(promoted("m", returning=(ReturningVersion("Production", 2, TOO_SLOW),))),
            "m | Production | 1 → 2 | ✓ to apply; 2 was rolled back on 2026-01-02 by 2998ad6",
            "1 to apply",
        ),
        (
            plan_of(
                promoted("m", gates=(Verdict("Production", 2, "tags", "overridden", "INC-4"),))
            ),
            "m | Production | 1 → 2 | ✓ to apply; overrides tags",
            "1 to apply",
        ),
        (
            plan_of(removed=(RemovedManifest("gaps", {"Production": (3,)}),)),
            "gaps | Production | 3 stays | ! no longer managed",
            "1 no longer managed",
        ),
        (
            plan_of(
                ModelPlan(
                    "m",
                    None,
                    "Invalid",
                    "a",
                    refusals=(Refusal("invalid", "m.yaml:1:1 x", "correct the file", "file"),),
                )
            ),
            "m | — | — | ✗ invalid file",
            "1 invalid",
        ),
        (
            plan_of(
                ModelPlan(
                    "m",
                    None,
                    "Unknown",
                    None,
                    refusals=(Refusal("owner", "another", "--take-over"),),
                )
            ),
            "m | — | — | ✗ refused: owner",
            "1 refused",
        ),
        (
            plan_of(
                ModelPlan(
                    "m", None, "Pending", "a", changes=(Change("set_tag", None, "k", "a", "b"),)
                )
            ),
            "m | — | 1 other change | ✓ to apply",
            "1 to apply",
        ),
        (
            plan_of(
                ModelPlan(
                    "m",
                    None,
                    "Drifted",
                    "a",
                    stages=(StageChange("Staging", (9,), (8,), "drift", None),),
                    changes=(replace(MOVE, cause="drift", applies=False),),
                )
            ),
            "m | Staging | 9 → 8 | ! drift, left as the policy says",
            "1 left drifted",
        ),
    ],
)
def test_each_thing_to_see_has_a_row(plan: Plan, row: str, counted: str) -> None:
    assert table_of(plan) == [row]
    assert counted in lines_of(plan)[-1]
    page = comment(plan)
    model, _, _, verdict = row.split(" | ")
    [table_row] = [line for line in page.splitlines() if line.startswith(f"| `{model}` |")]
    assert verdict[2:] in table_row.replace("`", "")


def test_many_minor_changes_are_one_line() -> None:
    """So that no stage's change drowns among them."""
    tag = Change("set_tag", None, "k", "a", "b")
    minor = [
        ModelPlan(f"m{number:02}", None, "Pending", "a", changes=(tag,)) for number in range(30)
    ]
    plan = plan_of(*minor, promoted("zeta"))
    assert table_of(plan) == [
        "zeta | Production | 1 → 2 | ✓ to apply",
        "other changes alone: m00, m01, m02, m03, m04 and 25 more",
    ]
    page = comment(plan)
    assert "Other changes alone (30 models): `m00`, " in page
    assert page.index("### `zeta`") < page.index("### `m00`")
    few = plan_of(*minor[:3], promoted("zeta"))
    assert [row.split(" | ")[0] for row in table_of(few)] == ["zeta", "m00", "m01", "m02"]


def test_drift_is_healed_beside_a_refusal() -> None:
    healing = StageChange("Staging", (9,), (8,), "drift", None, "9 was moved to Staging in MLflow")
    moved = Change("transition", 8, None, "None", "Staging", "drift")
    one = refused("m", "metrics")
    plan = plan_of(replace(one, stages=(*one.stages, healing), changes=(*one.changes, moved)))
    assert table_of(plan) == [
        "m | Production | 1 → 2 | ✗ refused: metrics",
        "m | Staging | 9 → 8 | ✓ to heal: drift",
    ]


def test_what_stops_the_whole_run_stops_each_model() -> None:
    plan = plan_of(
        *(replace(promoted(name), changes=(replace(MOVE, applies=False),)) for name in "ab"),
        refusals=(Refusal("limit", "2 of 5 models would change", "reconcile --max-changes 2"),),
    )
    assert [row.split(" | ")[-1] for row in table_of(plan)] == ["✗ refused: limit"] * 2
    assert lines_of(plan)[-1] == "Plan: 2 models: 2 refused; 0 changes to make, 2 held back."


def test_a_manifest_that_was_deleted_before_is_one_quiet_line() -> None:
    plan = plan_of(
        without_manifest=("gaps", "new-gap", "other"),
        removed=(RemovedManifest("new-gap", {"Production": (3,), "Staging": (4,)}),),
    )
    lines = lines_of(plan)
    assert "manifest deleted, left unchanged in MLflow: gaps, other" in lines
    [sentence] = [line for line in lines if line.startswith("! this change deletes")]
    assert "MLflow keeps Production 3 and Staging 4" in sentence
    page = comment(plan)
    assert "⚠️ This change deletes the manifest of `new-gap`: it is no longer managed" in page
    assert "Manifest deleted, left unchanged in MLflow: `gaps`, `other`." in page


def test_invalid_files_stand_above_the_details() -> None:
    problem = Problem("registry/policy.yaml", 2, 3, "bad-value", "no")
    page = comment(plan_of(promoted("m"), errors=(problem,)))
    assert page.index("**Invalid files**") < page.index("### `m`")


# -- how much of it fits ---------------------------------------------------------------------------


@pytest.mark.parametrize("count", [300, 700])
@pytest.mark.parametrize("length", [12, 80, 240])
@pytest.mark.parametrize("letter", ["m", "é", "模"])
def test_what_is_refused_is_never_cut(count: int, length: int, letter: str) -> None:
    """Names of any length, of characters that take up to three bytes."""
    names = [f"{number:03}{letter * (length - 6)}{number:03}" for number in range(count)]
    models = [
        refused(name, "metrics") if number % 3 else promoted(name)
        for number, name in enumerate(names)
    ]
    page = comment(plan_of(*models))
    assert len(page.encode()) <= LIMIT
    rows = re.findall(r"(?m)^(?:\| `|.*?)([0-9]{3})[mé模…].*refused: metrics", page)
    is_grouped = "refused: metrics: Production 1 → 2: " in page
    shown = set(rows)
    if is_grouped:
        [line] = re.findall(r"(?m)^refused: metrics: Production 1 → 2: (.*)", page)
        shown = {name[:3] for name in line.split(", ")}
    expected = {name[:3] for number, name in enumerate(names) if number % 3}
    assert shown == expected
    assert "do not fit here" not in page


def test_more_rows_than_any_comment_holds_are_counted() -> None:
    models = [refused(f"{'n' * 200}{number:05}", "metrics") for number in range(5_000)]
    page = comment(plan_of(*models))
    assert len(page.encode()) <= LIMIT
    [missing] = re.findall(r"❌ \*\*([0-9]+) more rows do not fit here", page)
    shown = re.findall("(?m)^nnn+…n*[0-9]{5}: Production 1 → 2: refused: metrics$", page)
    assert int(missing) + len(shown) == 5_000 and len(shown) > 900


def test_a_table_of_three_hundred_is_a_table() -> None:
    page = comment(plan_of(*(refused(f"model-{number:03}", "metrics") for number in range(300))))
    kinds = [token.type for token in GITHUB.parse(page)]
    assert kinds.count("tr_open") == 301 and "more models" in page


def test_the_counts_of_many_models() -> None:
    summary: Overview = overview(plan_of(*(adopted(f"m{number}") for number in range(3))))
    plan = plan_of(*(adopted(f"m{number}") for number in range(3)))
    assert closing(plan, summary) == "Plan: 3 models: 3 adopted; nothing to change."


# -- prose -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "latency_p95_ms 61 > 50",
        "tag validation is 'failed', not 'passed'; accuracy 0.5 < 0.7",
        "accuracy 0.912 → 0.931 (+0.019) on holdout",
        "3 days in Staging (soak 24h), until 2026-01-03 00:00 UTC",
    ],
)
def test_a_plain_sentence_stays_one(text: str) -> None:
    assert prose(text) == text
    [token] = [token for token in GITHUB.parse(prose(text)) if token.type == "inline"]
    assert [child.type for child in token.children or ()] == ["text"] and token.content == text


@pytest.mark.parametrize(
    "text",
    [
        "@user approves", "see #12", "GH-12 is done", "owner/repo#3", "www.x.example", "http: x",
        "a@b.example", "x.com", "<img src=x>", "a<b", "[a](b)", "*a*", "_a_", "~~a~~", "1. a",
        "- a", "+ a", "> a", "=== a", "a :tada: b", "&lt;", "a\\b", "a|b", "$x$",
        "2998ad6 too slow", "0123456789", "", " ", "\u202ea", "a\nb", "`a``b`",
    ],
)  # fmt: skip
def test_anything_else_is_code(text: str) -> None:
    parsed = GITHUB.parse(f"so {prose(text)}, and")
    [inline] = [token for token in parsed if token.type == "inline"]
    assert [child.type for child in inline.children or ()] == ["text", "code_inline", "text"]


def test_spans_in_a_sentence_stay_code() -> None:
    text = "promote it in a commit whose message says `Gate-Override: metrics: @reason`"
    [token] = [token for token in GITHUB.parse(prose(text)) if token.type == "inline"]
    assert [child.type for child in token.children or ()] == ["text", "code_inline"]
