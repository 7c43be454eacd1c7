"""The policy as it holds for one model (DESIGN §4, RULES R2, R3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.policy import ModelPolicy, Policy, StageRule, read_policy
from tests.core.test_examples import EXAMPLES


def read(text: str) -> Policy:
    policy, problems = read_policy(text.encode(), "registry/policy.yaml")
    assert policy is not None, problems
    return policy


def rules(text: str, model: str = "m") -> ModelPolicy:
    return read(text).for_model(model)


def test_no_policy() -> None:
    """MLflow's own stages, no gates, Production protected."""
    for policy in (Policy(), read("{}\n")):
        found = policy.for_model("m")
        assert found.stages == {
            "Production": StageRule("Production", None, native=True, protected=True),
            "Staging": StageRule("Staging", None, native=True, protected=False),
            "Archived": StageRule("Archived", None, native=True, protected=False),
        }
        assert not any(rule.asks for rule in found.stages.values())
        assert (found.alias_only, found.drift, found.freeze, found.overrides) == (None, "heal", None, frozenset())
        assert policy.limit is None


def test_stages_stand_in_the_order_a_reader_wants() -> None:
    found = rules("stages: {Shadow: {alias: s, native: false}, Canary: {alias: c, native: false}, Archived: {}}\n")
    assert list(found.stages) == ["Production", "Staging", "Shadow", "Canary", "Archived"]
    assert found.stage_aliases == {"s": "Shadow", "c": "Canary"}


EXCEPTIONS = """\
stages:
  Canary: {alias: canary, native: false}
  Production: {alias: production, from: [Staging, Canary], soak: 24h, require: {tags: {a: x, b: w}, pinned: true}}
overrides: [soak, metrics]
drift: heal
aliases: {only: [Production]}
freeze: {reason: all, until: "2027-01-02"}
models:
  - {match: "a*", stages: {Production: {soak: 72h, from: [Canary], require: {tags: {b: null, c: z}}}}, drift: report}
  - {match: "ab*", stages: {Production: {soak: 1h, from: [Staging], protected: false}, Canary: null}, overrides: [pinned]}
  - {match: "a?c", aliases: null, freeze: null, stages: {Production: {from: null, soak: null}}}
  - {match: "x[1]*", drift: report}
"""


def test_exceptions_are_merged_key_by_key_in_order() -> None:
    policy = read(EXCEPTIONS)
    plain, a, ab, abc = (policy.for_model(name).stages["Production"] for name in ("m", "a", "ab", "abc"))
    assert plain.asks.soak and plain.asks.soak.text == "24h" and plain.asks.climbs_from == ("Staging", "Canary")
    assert a.asks.soak and a.asks.soak.text == "72h"
    assert a.asks.climbs_from == ("Canary",), "a list is replaced"
    assert a.asks.tags == {"a": "x", "c": "z"}, "null removes, the rest stays"
    assert a.asks.pinned and a.alias == "production" and a.protected
    assert ab.asks.soak and ab.asks.soak.text == "1h" and not ab.protected, "the later one wins"
    assert ab.asks.climbs_from == ("Staging",)
    assert abc.asks.soak is None and abc.asks.climbs_from == ()
    assert "Canary" in policy.for_model("a").stages and "Canary" not in policy.for_model("ab").stages
    assert [policy.for_model(name).drift for name in ("m", "a", "ab", "x[1]y", "x1y")] == [
        "heal", "report", "report", "report", "heal",
    ]  # fmt: skip
    assert policy.for_model("ab").overrides == {"pinned"} and policy.for_model("a").overrides == {"soak", "metrics"}
    assert policy.for_model("ab").alias_only == ("Production",) and policy.for_model("abc").alias_only is None
    assert policy.for_model("ab").freeze is not None and policy.for_model("abc").freeze is None


def test_models_under_the_same_exceptions_share_their_rules() -> None:
    policy = read(EXCEPTIONS)
    assert policy.for_model("a1") is policy.for_model("a2")
    assert policy.for_model("a1") is not policy.for_model("ab1")
    assert policy.for_model("A1") is policy.for_model("m"), "names are matched in their exact case"


@pytest.mark.parametrize(
    ("limits", "models", "allowed"),
    [
        ("{changed_models: {percent: 30, floor: 10}}", 20, 10),
        ("{changed_models: {percent: 30, floor: 10}}", 100, 30),
        ("{changed_models: {percent: 12.5}}", 100, 12),
        ("{changed_models: {floor: 3}}", 100, 3),
        ("{changed_models: {}}", 100, 0),
        ("{changed_models: {percent: 0}}", 100, 0),
    ],
)
def test_limits(limits: str, models: int, allowed: int) -> None:
    limit = read(f"limits: {limits}\n").limit
    assert limit is not None and limit.of(models) == allowed


@pytest.mark.parametrize(
    ("until", "still", "over"),
    [
        ("2027-01-02", "2027-01-02T23:59:59Z", "2027-01-03T00:00:00Z"),
        ("2027-01-02T09:00:00Z", "2027-01-02T09:00:00Z", "2027-01-02T09:00:01Z"),
        ("2027-01-02t09:00:00.5+01:00", "2027-01-02T08:00:00Z", "2027-01-02T08:00:01Z"),
        ("2027-01-01T23:30:00-01:00", "2027-01-02T00:30:00Z", "2027-01-02T00:30:01Z"),
    ],
)
def test_a_freeze_ends(until: str, still: str, over: str) -> None:
    freeze = rules(f'freeze: {{reason: closing, until: "{until}"}}\n').freeze
    assert freeze is not None and freeze.holds(still) and not freeze.holds(over)


@pytest.mark.parametrize(
    ("text", "hours"), [("24h", 24), ("3d", 72), ("1d12h", 36), ("2w", 336), ("90m", 1.5), ("0s", 0)]
)
def test_a_soak_is_a_length_of_time(text: str, hours: float) -> None:
    soak = rules(f"stages: {{Production: {{from: [Staging], soak: {text}}}}}\n").stages["Production"].asks.soak
    assert soak is not None and soak.length.total_seconds() == hours * 3600


def test_a_registry_without_stages_keeps_them_as_aliases() -> None:
    """RULES R10: every stage needs an alias there, by default its lower-case name."""
    text = "stages: {Production: {alias: prod}, Canary: {alias: canary, native: false}}\n"
    found = read(text).without_stages().for_model("m")
    assert {name: (rule.alias, rule.native) for name, rule in found.stages.items()} == {
        "Production": ("prod", False), "Staging": ("staging", False), "Canary": ("canary", False), "Archived": (None, False),
    }  # fmt: skip
    assert found.stages["Production"].protected


def test_everything_that_can_be_said_is_read() -> None:
    policy = read((EXAMPLES / "good/policies/everything.yaml").read_text(encoding="utf-8"))
    production = policy.for_model("m").stages["Production"].asks
    assert production.gates == (
        "from", "soak", "approvals", "metrics", "no_worse_than", "signature", "fairness",
    )  # fmt: skip
    assert production.metrics["both"].min == -1.5 and production.metrics["latency_p95_ms"].dataset == "holdout"
    assert production.no_worse_than is not None
    assert production.no_worse_than.metrics["error"].better == "lower"
    assert not production.no_worse_than.metrics["error"].same_data
    assert policy.for_model("m").stages["Staging"].asks.gates == ("approvals", "status", "pinned", "tags")
