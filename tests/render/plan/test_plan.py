"""The text forms, word for word, and what never may be in them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from textwrap import dedent

import pytest

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.plan.context import PlanContext
from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.core.verdicts.verdict import Refusal, Verdict
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.render import problems, reconcile, status
from mlflow_gitops.render.plan.text import PlanOutput
from mlflow_gitops.render.plan.text import text as plan_text
from mlflow_gitops.render.terminal import Style
from tests.support.console.streams import Terminal
from tests.support.core.commits import BEFORE, FILE, PROMOTED
from tests.support.core.evidence import NO_EVIDENCE
from tests.support.core.one_model import OWNER, make_desired, make_observed

NOW = "2026-02-01T00:00:00Z"
ALIASES = "stages: {Production: {alias: production}, Staging: {alias: staging}}"


@pytest.fixture
def plain() -> Style:
    return Style(io.StringIO())


@pytest.fixture
def coloured(monkeypatch: pytest.MonkeyPatch) -> Style:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return Style(Terminal())


def planned(*models: ModelPlan, **more: object) -> Plan:
    return Plan(PROMOTED.sha, models, Fingerprint({}), **more)  # type: ignore[arg-type]


def between(
    before: str | None, after: str, observed: ObservedModel | None, policy: str = ""
) -> ModelPlan:
    """The plan of one promotion on top of what was reconciled, by the real planner."""
    points = [Point(BEFORE, make_desired(before, policy) if before is not None else None)]
    points += [Point(PROMOTED, make_desired(after, policy))] if before != after else []
    history = ModelHistory(BEFORE.sha, "known", tuple(points))
    return plan_model("m", history, observed, PlanContext(OWNER, NOW, NO_EVIDENCE))


def version(number: int, stage: str = "None", **about: object) -> ObservedVersion:
    return ObservedVersion(number, stage, **about)  # type: ignore[arg-type]


def golden(lines: Iterable[str], expected: str) -> None:
    assert "\n".join(lines) == dedent(expected).strip("\n")


# -- plans, word for word --------------------------------------------------------------------------


def test_nothing_to_do_comes_first(plain: Style) -> None:
    same = between(
        "stages: {Production: 1}",
        "stages: {Production: 1}",
        make_observed(version(1, "Production")),
    )
    golden(plan_text(PlanOutput(planned(same, same)), plain), "Plan: 2 models, nothing to change.")
    golden(plan_text(PlanOutput(planned()), plain), "Plan: 0 models, nothing to change.")
    golden(
        plan_text(PlanOutput(planned(same), with_unchanged=True), plain),
        """
        m   registry/models/m.yaml   Synced
        Plan: 1 model, nothing to change.
        """,
    )


def test_a_promotion(plain: Style) -> None:
    observed = make_observed(
        version(12, "Production"), version(14, "Staging"), aliases={"production": 12, "staging": 14}
    )
    one = between(
        "stages: {Production: 12, Staging: 14}", "stages: {Production: 14}", observed, ALIASES
    )
    golden(
        plan_text(PlanOutput(planned(one)), plain),
        """
        model  stage       from → to  verdict
        m      Production  12 → 14    ✓ to apply
        m      Staging     14 → —     ✓ to apply

        m   registry/models/m.yaml
          Production  12 → 14     3f2a9c1 "Promote 14: recall +1.2 pt (#128)"
            12 goes to Archived; alias production 12 → 14
          Staging     14 → —      3f2a9c1 "Promote 14: recall +1.2 pt (#128)"
            alias staging 14 → —
        Plan: 1 model: 1 to apply; 4 changes to make.
        """,
    )


def test_drift(plain: Style) -> None:
    body = "stages: {Staging: 8}\ntags: {task: fraud}\naliases: {champion: 8}"
    observed = make_observed(
        version(8), version(9, "Staging"), aliases={"champion": 9}, task="other"
    )
    golden(
        plan_text(PlanOutput(planned(between(body, body, observed))), plain),
        """
        model  stage    from → to  verdict
        m      Staging  9 → 8      ✓ to heal: drift

        m   registry/models/m.yaml
          Staging  9 → 8       drift: 8 was moved to None in MLflow, 9 was moved to Staging in MLflow
            9 goes to Archived; alias champion 9 → 8
          tag task: "other" → "fraud"     drift: changed in MLflow
        Plan: 1 model: 1 to heal; 4 changes to make.
        """,
    )


def test_a_refusal(plain: Style) -> None:
    one = between(
        "stages: {Production: 1}",
        "stages: {}\naliases: {x: 7}",
        make_observed(version(1, "Production")),
    )
    golden(
        plan_text(PlanOutput(planned(one)), plain),
        """
        model  stage       from → to  verdict
        m      Production  1 → —      ✗ refused: protected
        m      @x          — → 7      ✗ refused: missing_version

        m   registry/models/m.yaml
          Production  1 → —       3f2a9c1 "Promote 14: recall +1.2 pt (#128)"
            1 goes to Archived
          alias x — → 7     3f2a9c1
          ✗ refused [missing_version] MLflow has no version 7 of m; it has 1
            way out: register it by training, or set versions.7.source so that reconcile registers it
          ✗ refused [protected] Production is protected and held by 1; the manifest does not name it, which would leave it empty
            way out: name the version that holds it, or write Production: null to empty it on purpose
        Plan: 1 model: 1 refused; 0 changes to make, 2 held back.
        """,
    )


def test_gates_of_every_status(plain: Style) -> None:
    verdicts = [
        Verdict("Production", 14, "from", "passed", "from Staging"),
        Verdict("Production", 14, "metrics", "failed", "latency_p95_ms 61 > 50"),
        Verdict("Production", 14, "soak", "overridden", "soak: INC-42"),
        Verdict("Production", 14, "signature", "exempt", "alone"),
        Verdict("Production", 14, "approvals", "waiting", "approvals 0 of 1", needs="approval"),
        Verdict("Production", 14, "tags", "unknown", "no access"),
        Verdict("Staging", 15, "pinned", "passed", "pinned"),
    ]
    one = ModelPlan(
        "fraud-detector",
        FILE,
        "Pending",
        BEFORE.sha,
        desired={"Production": (14,), "Staging": (15,)},
        stages=(
            StageChange("Production", (12,), (14,), "commit", PROMOTED),
            StageChange("Staging", (), (15,), "commit", None),
        ),
        changes=(
            Change("transition", 14, None, "Staging", "Production", applies=False),
            Change("transition", 15, None, "None", "Staging", applies=False),
        ),
        gates=tuple(verdicts),
        refusals=(Refusal("gate", "latency_p95_ms 61 > 50", "a better version"),),
        notes=("Staging is empty for one write",),
    )
    golden(
        plan_text(PlanOutput(planned(one)), plain),
        """
        model           stage       from → to  verdict
        fraud-detector  Production  12 → 14    ✗ refused: metrics, tags; overrides soak
        fraud-detector  Staging     — → 15     ✗ refused with another stage

        fraud-detector   registry/models/fraud-detector.yaml
          Production  12 → 14     3f2a9c1 "Promote 14: recall +1.2 pt (#128)"
            ✗ metrics    latency_p95_ms 61 > 50
            ? tags       no access
            … approvals  approvals 0 of 1
            ! soak       soak: INC-42
            ✓ from       from Staging
            · signature  alone
          Staging     — → 15      not committed yet
            ✓ pinned  pinned
          ✗ refused [gate] latency_p95_ms 61 > 50
            way out: a better version
          note: Staging is empty for one write
        Plan: 1 model: 1 refused; 0 changes to make, 2 held back.
        """,
    )


def test_a_new_model_with_a_registration_tags_and_descriptions(plain: Style) -> None:
    body = """stages: {Staging: 1}
description: Scores card payments for fraud. It says a good deal more than fits on one line of a plan.
tags: {task: classification}
versions: {1: {source: 'models:/m-1', description: first, tags: {validation: passed}}}"""
    golden(
        plan_text(PlanOutput(planned(between(None, body, None))), plain),
        """
        model  stage    from → to  verdict
        m      Staging  — → 1      ✓ to apply

        m   registry/models/m.yaml
          Staging  — → 1       3f2a9c1 "Promote 14: recall +1.2 pt (#128)"
          create the registered model     3f2a9c1
          register version 1 from models:/m-1     3f2a9c1
          version 1 description: — → "first"     3f2a9c1
          version 1 tag validation: — → "passed"     3f2a9c1
          description: — → "Scores card payments for fraud. It says a good deal more …" (32 more characters)     3f2a9c1
          tag task: — → "classification"     3f2a9c1
        Plan: 1 model: 1 to apply; 7 changes to make.
        """,
    )


def test_what_is_declared_no_more_is_taken_away(plain: Style) -> None:
    before = (
        "stages: {}\ndescription: text\ntags: {a: x}\naliases: {champion: 1}\nversions: {1: {tags:"
        " {b: w}}}"
    )
    observed = ObservedModel(
        "m", "text", {"a": "x"}, {"champion": 1}, {1: version(1, tags={"b": "w"})}
    )
    golden(
        plan_text(PlanOutput(planned(between(before, "stages: {}", observed))), plain),
        """
        model  stage      from → to  verdict
        m      @champion  1 → —      ✓ to apply

        m   registry/models/m.yaml
          version 1 tag b: "w" → —     3f2a9c1
          alias champion 1 → —     3f2a9c1
          description: "text" → —     3f2a9c1
          tag a: "x" → —     3f2a9c1
        Plan: 1 model: 1 to apply; 4 changes to make.
        """,
    )


def test_what_stops_the_whole_run_and_what_is_gone(plain: Style) -> None:
    limit = Refusal("limit", "12 models would change, and 10 may", "--max-changes 12")
    golden(
        plan_text(
            PlanOutput(planned(without_manifest=("old",), unmanaged=("other",), refusals=(limit,))),
            plain,
        ),
        """
        manifest deleted, left unchanged in MLflow: old
          ✗ refused [limit] 12 models would change, and 10 may
            way out: --max-changes 12
        Plan: 0 models; the whole run is refused.
        """,
    )


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("Promote (#128)", '"Promote (#128)"'),
        ("Merge pull request #9 from a/b", '"Merge pull request #9 from a/b"'),
        ('Revert "Promote (#3)" (#4)', '"Revert "Promote (#3)" (#4)"'),
        ("No number (#None)", '"No number (#None)"'),
        ("", '""'),
    ],
)
def test_the_subject_of_a_commit(plain: Style, subject: str, shown: str) -> None:
    row = StageChange(
        "Production", (), (1,), "commit", Commit("a" * 40, NOW, "A Person <a@example.org>", subject)
    )
    lines = list(
        plan_text(
            PlanOutput(
                planned(
                    ModelPlan(
                        "m", FILE, "Pending", None, stages=(row,), changes=(Change("create_model"),)
                    )
                )
            ),
            plain,
        )
    )
    assert lines[4] == f"  Production  — → 1       aaaaaaa {shown}"


# -- the other forms -------------------------------------------------------------------------------


def a_status() -> Plan:
    far = Refusal("base_unknown", "MLflow was reconciled to 3f2a9c1", "fetch")
    return planned(
        ModelPlan(
            "fraud-detector",
            FILE,
            "Synced",
            None,
            {"Production": (12,), "Staging": (14,)},
            {"Production": (12,), "Staging": (14,)},
        ),
        ModelPlan(
            "churn",
            FILE,
            "Drifted",
            None,
            {"Staging": (9,), "Archived": (1,)},
            {"Staging": (8,), "Production": ()},
        ),
        ModelPlan("lost", FILE, "Unknown", None, refusals=(far,)),
        ModelPlan(
            "far",
            FILE,
            "Unknown",
            None,
            {"Production": (1, 2)},
            {"Production": (1, 2)},
            refusals=(far,),
        ),
        ModelPlan("new", FILE, "Missing", None),
        without_manifest=("old",),
        unmanaged=("x",),
    )


def test_status(plain: Style) -> None:
    golden(
        status.text(a_status(), plain),
        """
        fraud-detector  Synced     Production 12   Staging 14
        churn           Drifted    Staging 9 (git: 8)   Production —
        lost            Unknown    base_unknown: MLflow was reconciled to 3f2a9c1
        far             Unknown    Production 1, 2  base_unknown: MLflow was reconciled to 3f2a9c1
        new             Missing
        old             Unmanaged  its manifest was deleted; MLflow is left unchanged
        x               Unmanaged
        7 models: 1 Synced, 1 Drifted, 2 Unknown, 1 Missing, 2 Unmanaged.
        """,
    )
    golden(status.text(planned(), plain), "0 models.")


def outcomes() -> list[Outcome]:
    return [
        Outcome(
            "a",
            "applied",
            (Change("create_model"), Change("transition", 1)),
            entered=(("Production", 1),),
        ),
        Outcome("b", "refused", refusals=(Refusal("pin", "version 1 is another", "look"),)),
        Outcome("c", "failed", error="MLflow is down"),
        Outcome("d", "unchanged"),
    ]


def test_outcomes(plain: Style) -> None:
    golden(
        [line for one in outcomes() for line in reconcile.outcome_lines(one, plain)],
        """
        a  applied  2 changes
          Production now holds 1
        b  refused
          ✗ refused [pin] version 1 is another
            way out: look
        c  failed
          ✗ MLflow is down
        d  unchanged
        """,
    )
    assert (
        reconcile.closing("3f2a9c1" + "0" * 33, outcomes())
        == "Reconciled to 3f2a9c1: 1 applied, 1 unchanged, 1 refused, 1 failed; 2 changes."
    )
    stamped = [Outcome("a", "applied"), Outcome("b", "applied", is_adoption=True)]
    assert (
        reconcile.closing("3f2a9c1", stamped)
        == "Reconciled to 3f2a9c1: 1 adopted, 1 stamped; 0 changes, and stamps on 2 models."
    )
    assert reconcile.closing("3f2a9c1", []) == "Reconciled to 3f2a9c1: no models; 0 changes."


def test_problems() -> None:
    found = [
        Problem("registry/policy.yaml", 2, 3, "bad-value", "no"),
        Problem("x", 1, 1, "schema-copy-differs", "differs", "warning"),
    ]
    golden(
        problems.problem_lines(found),
        """
        registry/policy.yaml:2:3: error[bad-value]: no
        x:1:1: warning[schema-copy-differs]: differs
        """,
    )


# -- colour ----------------------------------------------------------------------------------------

_COLOUR = re.compile("\033\\[[0-9]+m")


def everything(style: Style, hostile: Callable[[str], str] = lambda what: what) -> list[str]:
    """Every form, with text from outside made by `hostile`."""
    h = hostile
    author = Commit(
        "3f2a9c1" + "0" * 33, NOW, h("A Person <a@example.org>"), h("Subject") + " (#7)"
    )
    statuses = ("passed", "failed", "overridden", "exempt", "waiting", "unknown")
    gates = tuple(Verdict("Production", 2, "metrics", status, h("accuracy")) for status in statuses)  # type: ignore[arg-type]
    changes = (
        Change("create_model", after=h("m"), commit=author),
        Change("register_version", 2, None, None, h("file:///2"), commit=author),
        Change("transition", 2, None, "None", "Production", commit=author),
        Change("transition", 1, None, "Production", "Archived"),
        Change("transition", 9, None, h("Elsewhere"), h("Nowhere")),
        Change("set_alias", None, h("champion"), 1, 2, "drift"),
        Change("delete_alias", None, h("old"), 1, None),
        Change("set_tag", 1, h("key"), h("before"), h("after" * 20)),
        Change("delete_tag", None, h("key"), h("before"), None),
        Change("set_description", None, None, h("before"), h("after")),
    )
    rows = (
        StageChange("Production", (1,), (2,), "commit", author),
        StageChange("Staging", (), (3,), "drift", None, h("3 was moved")),
        StageChange("Archived", (), (1,), "commit", None),
    )
    refusal = Refusal("pin", h("detail"), h("way out"))
    one = ModelPlan(
        h("model"), h(FILE), "Drifted", None, {"Production": (1,)}, {"Production": (2,)}, rows,
        changes, (), gates,
        (refusal,), (h("note"),),
    )  # fmt: skip
    bare = ModelPlan(h("bare"), None, "Unknown", None, refusals=(refusal,))
    whole = planned(
        one, bare, without_manifest=(h("gone"),), unmanaged=(h("other"),), refusals=(refusal,)
    )
    lines = [
        *plan_text(PlanOutput(whole), style),
        *plan_text(PlanOutput(whole, with_unchanged=True), style),
        *status.text(whole, style),
    ]
    for outcome in (
        Outcome(h("m"), "failed", changes, (refusal,), h("error")),
        Outcome(h("n"), "deferred"),
    ):
        lines += reconcile.outcome_lines(outcome, style)
    return [*lines, *problems.problem_lines([Problem(h("file"), 1, 1, "code", h("message"))])]


def test_colour_changes_no_character_and_no_column(plain: Style, coloured: Style) -> None:
    with_colour = [*everything(coloured), *status.text(a_status(), coloured)]
    assert any(_COLOUR.search(line) for line in with_colour)
    assert [_COLOUR.sub("", line) for line in with_colour] == [
        *everything(plain),
        *status.text(a_status(), plain),
    ]
    assert not any(line.endswith(" ") for line in with_colour)


HOSTILE = (
    "\x1b[2J\x1b[31m",
    "\x1b]8;;https://example.org\x07",
    "\nPlan: 0 models, nothing to change.",
    "\r✓ ",
    "\u202e",
    "\u2067",
    "\x9b1A",
    "\u2028",
    "\ud83d",
    "\t\x0b\x0c\x00",
)


@pytest.mark.parametrize("bad", HOSTILE)
def test_hostile_text_never_comes_out_raw(plain: Style, coloured: Style, bad: str) -> None:
    for style in (plain, coloured):
        tame = everything(style)
        for hostile in (
            lambda what: bad + what,
            lambda what: what + bad,
            lambda what: what[:1] + bad + what[1:],
        ):
            lines = everything(style, hostile)
            assert len(lines) == len(tame), "no text makes a line of its own"
            for line in lines:
                shown = _COLOUR.sub("", line) if style.on else line
                assert bad not in line
                assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
                assert not re.search(
                    "[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", shown
                )
                line.encode()
