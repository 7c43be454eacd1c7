"""Which versions' files are compared with their pinned digest, and what differing files stop (RULES
R3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.plan.plan import ModelPlan
from mlflow_gitops.core.plan.plan_model import plan_model
from mlflow_gitops.core.recorded.file_digests import FileDigest, ModelFiles
from mlflow_gitops.core.recorded.values import Record, Unreadable
from tests.support.core.one_model import (
    BASE,
    make_context,
    make_desired,
    make_history,
    make_observed,
    make_version,
)

GOOD = ModelFiles((FileDigest("MLmodel", 1, "a" * 64), FileDigest("model.pkl", 900, "b" * 64)))
EVIL = ModelFiles((FileDigest("MLmodel", 1, "a" * 64), FileDigest("model.pkl", 901, "c" * 64)))
OWN = "stages: {Canary: {alias: canary, native: false, require: {pinned: {digest: true}}}}"


class Store:
    """What the storage holds of each version; nothing of one that is not named."""

    def __init__(self, files: Mapping[int, ModelFiles]) -> None:
        self.files = files
        self.read: list[int] = []

    def __call__(self, model: str, version: ObservedVersion) -> ModelFiles:
        self.read.append(version.number)
        if version.number not in self.files:
            raise Unreadable("no access")
        return self.files[version.number]


def pins(*numbers: int, more: str = "") -> str:
    entries = (f'{n}: {{digest: "{GOOD.digest}"{more}}}' for n in numbers)
    return f"versions: {{{', '.join(entries)}}}"


def planned(
    body: str,
    store: Store | None,
    *,
    before: str = "stages: {Production: 1}",
    shown: Mapping[int, str] | None = None,
    aliases: dict[str, int] | None = None,
    policy: str = "",
) -> ModelPlan:
    """A plan of `body` after a reconcile of `before`. MLflow shows 1 in Production, and 2, unless
    `shown` says otherwise."""
    states = make_desired(before, policy), make_desired(body, policy)
    history = make_history(*states, base=BASE, state="known")
    stages = {1: "Production", 2: "None"} if shown is None else shown
    versions = [make_version(number, stage) for number, stage in stages.items()]
    observed = make_observed(*versions, aliases=aliases or {"production": 1})
    return plan_model("m", history, observed, replace(make_context(), read_files=store))


def test_other_files_stop_what_git_asks_for() -> None:
    store = Store({1: GOOD, 2: EVIL})
    plan = planned(f"stages: {{Production: 2}}\n{pins(1, 2)}", store)
    assert plan.applying == () and plan.stamps == () and store.read == [2]
    [refusal] = plan.refusals
    assert (refusal.code, refusal.scope, refusal.version) == ("digest", "commit", 2)
    assert (refusal.expected, refusal.actual) == (GOOD.digest, EVIL.digest)
    assert "model.pkl (901 B), MLmodel (1 B)" in refusal.detail
    assert "mlflow-gitops pin m 2" in refusal.way_out


def test_the_right_files_pass() -> None:
    plan = planned(f"stages: {{Production: 2}}\n{pins(2)}", Store({2: GOOD}))
    assert not plan.refusals and [change.version for change in plan.applying][:1] == [2]


def test_files_that_cannot_be_read_stop_it_too() -> None:
    plan = planned(f"stages: {{Production: 2}}\n{pins(2)}", Store({}))
    assert plan.applying == ()
    assert plan.refusals[0].code == "digest" and "no access" in plan.refusals[0].detail


def test_a_plan_reads_nothing_and_says_what_will_be_read() -> None:
    plan = planned(f"stages: {{Production: 2}}\n{pins(1, 2)}", None)
    assert plan.applying and not plan.refusals
    assert plan.notes == ("the files of 2 are compared with the pinned digest at reconcile",)


@pytest.mark.parametrize(
    ("body", "policy", "read"),
    [
        (f"stages: {{Production: 1, Staging: 2}}\n{pins(2)}", "", []),
        (
            f"stages: {{Production: 1, Staging: 2}}\n{pins(2)}",
            "stages: {Staging: {protected: true}}",
            [2],
        ),
        (f"stages: {{Production: 1, Canary: 2}}\n{pins(2)}", OWN, [2]),
        (f"stages: {{Production: 1, Canary: 2}}\n{pins(2)}", OWN.split(", require")[0] + "}}", []),
        (f"stages: {{Production: 1}}\naliases: {{champion: 2}}\n{pins(2)}", "", []),
        ("stages: {Production: 2}\nversions: {2: {run_id: r}}", "", []),
        (f"stages: {{Production: 1}}\n{pins(1)}", "", [1]),
        (f"stages: {{Production: 2, Archived: 1}}\n{pins(1, 2)}", "", [2]),
    ],
    ids=[
        "a stage without protection",
        "another protected stage",
        "a stage that asks for the digest",
        "one that does not",
        "an alias without gates",
        "no digest",
        "a digest that is pinned now",
        "not what leaves",
    ],
)
def test_what_is_read(body: str, policy: str, read: list[int]) -> None:
    store = Store({1: GOOD, 2: GOOD})
    planned(body, store, policy=policy)
    assert sorted(set(store.read)) == read


@pytest.mark.parametrize("files", [GOOD, EVIL])
def test_drift_is_healed_beside_a_refusal_unless_it_needs_other_files(files: ModelFiles) -> None:
    """Somebody put 3 into Production by hand; git wants 2 there, whose files are others. The
    healing puts 1 back, if its files are its own."""
    body = f"stages: {{Production: 2}}\n{pins(1, 2)}"
    before = f"stages: {{Production: 1}}\n{pins(1)}"
    shown = {1: "Archived", 2: "None", 3: "Production"}
    plan = planned(body, Store({1: files, 2: EVIL}), before=before, shown=shown)
    moved = [change.version for change in plan.applying if change.action == "transition"]
    assert moved == ([1, 3] if files is GOOD else [])


@pytest.mark.parametrize(
    ("source", "is_read"),
    [("models:/m-1", True), ("runs:/r/model", True), ("s3://bucket/m", False)],
)
def test_a_registration_from_mlflow_itself_is_read_before(source: str, is_read: bool) -> None:
    body = f"stages: {{Production: 1}}\n{pins(3, more=f', source: {source!r}')}"
    store = Store({3: EVIL})
    plan = planned(body, store)
    assert bool(store.read) is is_read
    assert [refusal.code for refusal in plan.refusals] == (["digest"] if is_read else [])


def test_a_version_cannot_be_registered_from_elsewhere_and_promoted_at_once() -> None:
    body = f"stages: {{Production: 3}}\n{pins(3, more=', source: s3://bucket/m')}"
    [refusal] = planned(body, Store({3: GOOD})).refusals
    assert refusal.code == "digest" and "before MLflow has the version" in refusal.detail


@pytest.mark.parametrize("store", [None, Store({2: GOOD})])
def test_a_version_whose_record_is_gone_is_refused_unread(store: Store | None) -> None:
    """Also by a plan, which reads no files."""
    states = (
        make_desired("stages: {Production: 1}"),
        make_desired(f"stages: {{Production: 2}}\n{pins(2)}"),
    )
    history = make_history(*states, base=BASE, state="known")
    observed = make_observed(make_version(1, "Production"), 2, aliases={"production": 1})
    context = replace(
        make_context(lambda run: Record(fault="its run is gone", is_gone=True)), read_files=store
    )
    [refusal] = plan_model("m", history, observed, context).refusals
    assert refusal.code == "digest" and refusal.detail.endswith("and its run is gone")
    assert store is None or not store.read


def test_a_run_that_was_made_elsewhere_is_no_reason_to_refuse_the_right_files() -> None:
    """The files are outside MLflow and so may be their run: the digest says that they are the
    approved ones."""
    body = f"stages: {{Production: 2}}\n{pins(2, more=', source: s3://bucket/m')}"
    states = make_desired("stages: {Production: 1}"), make_desired(body)
    history = make_history(*states, base=BASE, state="known")
    outside = make_version(2, "None", source="s3://bucket/m", run_id="elsewhere")
    observed = make_observed(make_version(1, "Production"), outside, aliases={"production": 1})
    context = replace(
        make_context(lambda run: Record(fault="its run is not here")),
        read_files=Store({2: GOOD}),
    )
    assert not plan_model("m", history, observed, context).refusals
