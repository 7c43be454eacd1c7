"""The policy as it holds for one model (DESIGN §4, RULES R2, R3)."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from mlflow_gitops.core.gates import no_worse_than
from mlflow_gitops.core.gates.approvals import RequiredApprovals
from mlflow_gitops.core.gates.files.checked import Checked
from mlflow_gitops.core.gates.files.signed import Signed
from mlflow_gitops.core.gates.lower_stage import climbs_from, soak
from mlflow_gitops.core.gates.lower_stage.soak import Soak
from mlflow_gitops.core.gates.max_size import MaxSize
from mlflow_gitops.core.gates.metrics import Bound
from mlflow_gitops.core.gates.no_worse_than import NoWorse, Tolerance
from mlflow_gitops.core.gates.stage_gates import NO_GATES, StageGates
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy, StageRule
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.manifests.restrictions import Freeze, Limit
from mlflow_gitops.core.times import parse_time
from tests.support.core.example_files import EXAMPLES


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
        assert not any(rule.gates for rule in found.stages.values())
        assert (found.alias_only, found.drift, found.freeze, found.overrides) == (
            None,
            "heal",
            None,
            frozenset(),
        )
        assert policy.limit is None


def test_stages_stand_in_the_order_a_reader_wants() -> None:
    found = rules(
        "stages: {Shadow: {alias: s, native: false}, Canary: {alias: c, native: false}, Archived:"
        " {}}\n"
    )
    assert list(found.stages) == ["Production", "Staging", "Shadow", "Canary", "Archived"]
    assert found.stage_aliases == {"s": "Shadow", "c": "Canary"}


EXCEPTIONS = """\
stages:
  Canary: {alias: canary, native: false}
  Production:
    alias: production
    from: [Staging, Canary]
    soak: 24h
    require: {tags: {a: x, b: w}, pinned: true}
overrides: [soak, metrics]
drift: heal
aliases: {only: [Production]}
freeze: {reason: all, until: "2027-01-02"}
models:
  - match: "a*"
    stages: {Production: {soak: 72h, from: [Canary], require: {tags: {b: null, c: z}}}}
    drift: report
  - match: "ab*"
    stages: {Production: {soak: 1h, from: [Staging], protected: false}, Canary: null}
    overrides: [pinned]
  - {match: "a?c", aliases: null, freeze: null, stages: {Production: {from: null, soak: null}}}
  - {match: "x[1]*", drift: report}
"""


def test_exceptions_are_merged_key_by_key_in_order() -> None:
    policy = read(EXCEPTIONS)
    plain, a, ab, abc = (
        policy.for_model(name).stages["Production"] for name in ("m", "a", "ab", "abc")
    )
    assert plain.gates.settings(soak.GATE) == Soak(
        "24h", ("Staging", "Canary")
    ) and plain.gates.settings(climbs_from.GATE) == ("Staging", "Canary")
    assert a.gates.settings(soak.GATE) == Soak("72h", ("Canary",))
    assert a.gates.settings(climbs_from.GATE) == ("Canary",), "a list is replaced"
    assert a.gates.built_in["tags"] == {"a": "x", "c": "z"}, "null removes, the rest stays"
    assert a.gates.built_in["pinned"] and a.alias == "production" and a.protected
    assert ab.gates.settings(soak.GATE) == Soak("1h", ("Staging",)), "the later one wins"
    assert not ab.protected
    assert ab.gates.settings(climbs_from.GATE) == ("Staging",)
    assert "soak" not in abc.gates.built_in and "from" not in abc.gates.built_in
    assert (
        "Canary" in policy.for_model("a").stages and "Canary" not in policy.for_model("ab").stages
    )
    assert [policy.for_model(name).drift for name in ("m", "a", "ab", "x[1]y", "x1y")] == [
        "heal", "report", "report", "report", "heal",
    ]  # fmt: skip
    assert policy.for_model("ab").overrides == {"pinned"} and policy.for_model("a").overrides == {
        "soak",
        "metrics",
    }
    assert (
        policy.for_model("ab").alias_only == ("Production",)
        and policy.for_model("abc").alias_only is None
    )
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
    assert limit is not None and limit.max_changes(models) == allowed


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
    assert freeze is not None and freeze.is_active(still) and not freeze.is_active(over)


@pytest.mark.parametrize(
    ("text", "hours"),
    [("24h", 24), ("3d", 72), ("1d12h", 36), ("2w", 336), ("90m", 1.5), ("0s", 0)],
)
def test_a_soak_is_a_length_of_time(text: str, hours: float) -> None:
    production = rules(f"stages: {{Production: {{from: [Staging], soak: {text}}}}}\n").stages[
        "Production"
    ]
    found = production.gates.settings(soak.GATE)
    assert found is not None and found.length.total_seconds() == hours * 3600


def test_a_registry_without_stages_keeps_them_as_aliases() -> None:
    """RULES R10: every stage needs an alias there, by default its lower-case name."""
    text = "stages: {Production: {alias: prod}, Canary: {alias: canary, native: false}}\n"
    found = read(text).without_stages().for_model("m")
    assert {name: (rule.alias, rule.native) for name, rule in found.stages.items()} == {
        "Production": ("prod", False), "Staging": ("staging", False), "Canary": ("canary", False),
        "Archived": (None, False),
    }  # fmt: skip
    assert found.stages["Production"].protected


def test_everything_that_can_be_said_is_read() -> None:
    policy = read((EXAMPLES / "good/policies/everything.yaml").read_text(encoding="utf-8"))
    production = policy.for_model("m").stages["Production"].gates
    assert production.names == (
        "from", "soak", "healthy_in", "approvals", "metrics", "no_worse_than", "signature",
        "max_size", "safe_files", "signed", "checked", "fairness",
    )  # fmt: skip
    assert (
        production.built_in["metrics"]["both"].min == -1.5
        and production.built_in["metrics"]["latency_p95_ms"].dataset == "holdout"
    )
    compared = production.settings(no_worse_than.GATE)
    assert compared is not None
    assert compared.metrics["error"].better == "lower"
    assert not compared.metrics["error"].same_data
    assert policy.for_model("m").stages["Staging"].gates.names == (
        "approvals",
        "status",
        "pinned",
        "tags",
    )


@pytest.mark.parametrize(
    ("text", "second", "microsecond"),
    [
        ("2027-01-02T09:00:00Z", 0, 0),
        ("2027-01-02t09:00:00z", 0, 0),
        ("2027-01-02T09:00:07.5Z", 7, 500_000),
        ("2027-01-02T09:00:07.123456789Z", 7, 123_456),
        ("2027-01-02T09:00:07.000001Z", 7, 1),
    ],
)
def test_a_time_as_rfc_3339_writes_it(text: str, second: int, microsecond: int) -> None:
    assert parse_time(text) == datetime(2027, 1, 2, 9, 0, second, microsecond, timezone.utc)


def test_a_time_in_another_zone() -> None:
    moment = parse_time("2027-01-02T09:00:00.25+05:30")
    assert moment == datetime(2027, 1, 2, 3, 30, 0, 250_000, timezone.utc)
    assert moment.tzinfo is timezone.utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2027-02-30T00:00:00Z",
        "2027-01-02",
        "2027-01-02T09:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2027-01-02T09:00:00+99:99",
    ],
)
def test_what_names_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


def test_a_day_is_frozen_to_its_very_end() -> None:
    assert Freeze("x", "2027-01-02").is_active("2027-01-02T23:59:59.999999Z")
    assert not Freeze("x", "2027-01-02").is_active("2027-01-03T00:00:00Z")


def test_a_share_is_rounded_down_and_the_floor_is_the_least() -> None:
    assert [Limit(percent=50).max_changes(n) for n in (0, 1, 2, 3)] == [0, 0, 1, 1]
    assert Limit(percent=50, floor=1).max_changes(1) == 1 and Limit().max_changes(100) == 0


def test_a_policy_may_leave_out_what_it_does_not_say() -> None:
    policy = read("limits: {}\nmodels: []\noverrides: []\naliases: {}\nowners: []\n")
    assert policy.limit is None and policy.owners == () and policy.matching_exceptions("m") == ()
    assert (
        policy.for_model("m").alias_only is None and policy.for_model("m").overrides == frozenset()
    )
    assert read("aliases: {only: []}\n").for_model("m").alias_only == (), (
        "none at all is not the same as no word of it"
    )
    assert read('owners: ["@a", "@b"]\n').owners == ("@a", "@b")


def test_which_exceptions_hold_for_a_model() -> None:
    policy = read(EXCEPTIONS)
    assert [
        policy.matching_exceptions(name) for name in ("m", "a", "ab", "abc", "axc", "x[1]")
    ] == [
        (),
        (0,),
        (0, 1),
        (0, 1, 2),
        (0, 2),
        (3,),
    ]


def test_in_a_registry_without_stages_exceptions_hold_too() -> None:
    policy = read("models: [{match: m, stages: {Staging: {alias: stage-2}}}]\n").without_stages()
    assert policy.for_model("m").stages["Staging"].alias == "stage-2"
    assert policy.for_model("n").stages["Staging"].alias == "staging"
    spaced = read("stages: {Second Look: {native: false, alias: x}}\n")
    rule = spaced.for_model("m").stages["Second Look"]
    assert (rule.native, rule.alias) == (False, "x")
    shown = (
        Policy({"stages": {"Second Look": {}, "Archived": {"alias": "old"}}}, stageless=True)
        .for_model("m")
        .stages
    )
    assert shown["Second Look"].alias == "second-look", "an alias has no spaces"
    assert (
        shown["Archived"].alias is None
        and not shown["Archived"].native
        and list(shown)[-1] == "Archived"
    )


def test_an_own_stage_is_not_protected_and_production_may_be_left_unprotected() -> None:
    found = rules(
        "stages: {Canary: {alias: c, native: false}, Production: {protected: false}}\n"
    ).stages
    assert (
        not found["Canary"].protected
        and not found["Production"].protected
        and not found["Canary"].native
    )


# -- what a stage asks -----------------------------------------------------------------------------


def gates_of(rule: str) -> StageGates:
    return rules(f"stages: {{Production: {{{rule}}}}}\n").stages["Production"].gates


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("from: [Staging]", {"from": ("Staging",)}),
        ("from: [Staging], soak: 1d", {"from": ("Staging",), "soak": Soak("1d", ("Staging",))}),
        ("approvals: 2", {"approvals": RequiredApprovals(2)}),
        ("approvals: 0", {}),
        ("approvals: {count: 2}", {"approvals": RequiredApprovals(2)}),
        ("approvals: {from: message}", {"approvals": RequiredApprovals(1, "message")}),
        (
            "approvals: {count: 2, of: ['@acme/validation', '@carol']}",
            {"approvals": RequiredApprovals(2, "pull_request", ("@acme/validation", "@carol"))},
        ),
        ("require: {status: READY}", {"status": "READY"}),
        ("require: {pinned: true}", {"pinned": True}),
        ("require: {pinned: false}", {}),
        ("require: {tags: {a: x}}", {"tags": {"a": "x"}}),
        (
            "require: {metrics: {a: {min: 1, max: 2, dataset: d}}}",
            {"metrics": {"a": Bound(1, 2, "d")}},
        ),
        (
            (
                "require: {no_worse_than: {stage: Staging, metrics: {a: {tolerance: 0.1, better:"
                " lower}}}}"
            ),
            {"no_worse_than": NoWorse("Staging", {"a": Tolerance(0.1, "lower")})},
        ),
        ("require: {signature: compatible}", {"signature": "compatible"}),
        ("require: {max_size: 2GB}", {"max_size": MaxSize("2GB")}),
        ("require: {safe_files: true}", {"safe_files": True}),
        ("require: {safe_files: false}", {}),
        ("require: {signed: {keys: keys/}}", {"signed": Signed("keys")}),
        ("require: {signed: null}", {}),
        (
            "require: {checked: {by: me, load: 30s, metrics: null}}",
            {"checked": Checked("me", load="30s")},
        ),
        ("require: {checked: null}", {}),
        ("require: null", {}),
        ("soak: null, approvals: null, from: null", {}),
    ],
)
def test_what_a_rule_asks(rule: str, wanted: dict[str, object]) -> None:
    gates = gates_of(rule)
    assert gates == StageGates(wanted)
    assert bool(gates) == bool(gates.names) == bool(wanted)


def test_settings_of_plugins_are_as_the_policy_writes_them() -> None:
    gates = gates_of("require: {plugins: {b: {x: 1}, a: 2}}")
    assert gates == StageGates(plugins={"b": {"x": 1}, "a": 2}) and gates
    assert gates_of("") == NO_GATES and not NO_GATES


def test_gates_are_named_in_display_order_with_plugins_last() -> None:
    found = gates_of(
        "from: [Staging], approvals: 1, require: {tags: {a: x}, pinned: true, plugins: {zeta: {},"
        " alpha: {}}}"
    )
    assert found.names == ("from", "approvals", "pinned", "tags", "alpha", "zeta")


def faults(text: str) -> list[tuple[str, str]]:
    return [
        (problem.code, problem.message)
        for problem in read_policy(text.encode(), "registry/policy.yaml")[1]
    ]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("require: {metrics: {a: {min: 1, max: 1}}}", []),
        (
            "require: {metrics: {a: {min: 2, max: 1}}}",
            [("bad-value", "no value of a is over 2 and under 1")],
        ),
        ("require: {metrics: {a: {min: 0}}}", []),
        ("require: {metrics: {a: {max: 0}}}", []),
        ("require: {no_worse_than: {metrics: {a: {}}}}", []),
        (
            "require: {no_worse_than: {stage: Staging}}",
            [("missing-field", "no_worse_than of Production needs metrics")],
        ),
        ("require: {no_worse_than: {stage: Staging, metrics: {a: {}}}}", []),
        (
            "from: [Archived]",
            [
                (
                    "bad-value",
                    "Production cannot want a version from Archived: no reconcile holds one there",
                )
            ],
        ),
        (
            "from: [Nowhere], soak: 1h",
            [
                (
                    "stage-unknown",
                    "Production wants a version from 'Nowhere', which is not in the policy",
                )
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_rule(rule: str, found: list[tuple[str, str]]) -> None:
    text = f"stages: {{Production: {{{rule}}}}}\n"
    assert faults(text) == found
    assert (read_policy(text.encode(), "policy.yaml")[0] is None) is bool(found), (
        "none that is wrong is judged by"
    )


@pytest.mark.parametrize("name", ["None", "none", "NONE"])
def test_no_stage_is_called_what_mlflow_calls_having_none(name: str) -> None:
    said = f"{name!r} cannot be a stage: MLflow uses it for versions without a stage"
    assert faults(f"stages: {{{name}: {{native: false, alias: a}}}}\n") == [("stage-clash", said)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [("empty-file", "the file is empty")]),
        ("null\n", [("wrong-type", "the file must be a mapping, not null")]),
        ("[]\n", [("wrong-type", "the file must be a mapping, not a list")]),
    ],
)
def test_a_policy_that_is_no_mapping_is_told_so_once(
    text: str, found: list[tuple[str, str]]
) -> None:
    assert faults(text) == found


def test_one_stage_without_an_alias_does_not_hide_what_is_wrong_with_the_next() -> None:
    own = (
        "A: {native: false}",
        "B: {native: false, alias: latest}",
        "C: {native: false, alias: c}",
        "D: {native: false, alias: C}",
    )
    text = f"stages: {{{', '.join(own)}}}\n"
    assert [code for code, _ in faults(text)] == [
        "stage-needs-alias", "alias-reserved", "alias-clash",
    ]  # fmt: skip


def test_what_an_exception_shares_with_the_rules_is_told_once() -> None:
    text = (
        "stages: {Canary: {native: false}}\nmodels: [{match: a, drift: report}, {match: b, drift:"
        " heal}]\n"
    )
    assert len(faults(text)) == 1


def test_a_plugin_may_be_overridden_and_nothing_unheard_of() -> None:
    ok = "stages: {Production: {require: {plugins: {fairness: {}}}}}\noverrides: [fairness, soak]\n"
    assert faults(ok) == []
    assert [code for code, _ in faults("overrides: [fairness]\n")] == ["gate-unknown"]


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("metrics: {auc: 0.9}", "; write {min: 0.9} or {max: 0.9}"),
        ("metrics: {errors: 3}", "; write {min: 3} or {max: 3}"),
        ("no_worse_than: {metrics: {auc: 0.01}}", "; write {tolerance: 0.01}"),
        ("metrics: {auc: .nan}", "not .nan"),
        ("metrics: {auc: true}", "not true"),
        ("metrics: 0.9", "not the fraction 0.9"),
        ("tags: 3", "not a whole number (3)"),
    ],
)
def test_a_number_alone_is_shown_with_the_names_it_may_have(rule: str, hint: str) -> None:
    [(code, message)] = faults(f"stages: {{Production: {{require: {{{rule}}}}}}}\n")
    assert code == "wrong-type" and message.endswith(hint)
