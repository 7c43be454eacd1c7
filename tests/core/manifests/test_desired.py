"""Desired state as fields: what a manifest wants of each single thing in MLflow (RULES R2)."""

from __future__ import annotations

from mlflow_gitops.core.manifests.desired import Field
from tests.support.core.one_model import make_desired

POLICY = """\
stages:
  Production: {alias: production}
  Staging: {alias: staging}
  Canary: {alias: canary, native: false}
"""
BODY = """\
stages: {Production: 12, Staging: null, Canary: 14, Archived: [1, 2]}
description: text
tags: {a: x}
aliases: {champion: 12}
versions:
  12: {description: "", tags: {b: z}}
  14: {run_id: abc}
"""


def test_every_single_thing_is_a_field() -> None:
    assert make_desired(BODY, POLICY).fields == {
        Field("description"): "text",
        Field("tag", None, "a"): "x",
        Field("stage", 14): "(Canary)",
        Field("stage", 12): "Production",
        Field("stage", 1): "Archived",
        Field("stage", 2): "Archived",
        Field("alias", None, "production"): 12,
        Field("alias", None, "staging"): None,
        Field("alias", None, "canary"): 14,
        Field("alias", None, "champion"): 12,
        Field("description", 12): "",
        Field("tag", 12, "b"): "z",
    }


def test_what_is_not_said_is_no_field() -> None:
    assert make_desired("stages: {}").fields == {}
    assert make_desired("stages: {}\nversions: {1: {run_id: abc}}").fields == {}


def test_where_a_version_stands() -> None:
    """MLflow's own stage first; of the team's own there may be several, since each is an alias
    alone."""
    policy = POLICY + "  Shadow: {alias: shadow, native: false}\n"
    desired = make_desired(
        "stages: {Production: 12, Canary: [12], Staging: [13], Shadow: 12}", policy
    )
    assert desired.native_stages == {12: "Production", 13: "Staging"} and desired.custom_stages == {
        12: ("Canary", "Shadow")
    }
    places = [desired.stages_of(version) for version in (12, 13, 14)]
    assert places == [("Production", "Canary", "Shadow"), ("Staging",), ()]
    assert desired.holders("Production") == (12,) and desired.holders(
        "Archived"
    ) == () == desired.holders("Unheard")
    assert desired.fields[Field("stage", 12)] == "Production", "a native stage is what MLflow shows"
    both = make_desired("stages: {Canary: 12, Shadow: 12}", policy).fields[Field("stage", 12)]
    assert both == "(Canary, Shadow)", "a change of either is a change of this"
