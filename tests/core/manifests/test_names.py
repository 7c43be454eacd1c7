"""Names: a model's file is found by its name alone, and what is let through MLflow takes (RULES
R2)."""

from __future__ import annotations

import json
import os
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.names import (
    alias_reserved,
    difference,
    file_stem,
    folded,
    model_of,
    name_fault,
    tag_fault,
)
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import name_clashes
from tests.support.versions import needs_mlflow

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "40"))

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30) | st.text(
    "aA./:%_- é日🦊~\\\t", min_size=1, max_size=9
)


def takes(check: str, *values: str) -> bool:
    """Whether MLflow's own check lets it through."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils import validation

    try:
        getattr(validation, check)(*values)
    except MlflowException:
        return False
    return True


@pytest.mark.parametrize(
    ("model", "stem"),
    [
        ("fraud-detector", "fraud-detector"), ("With Space_1.0", "With Space_1.0"),
        ("Große", "Gro%C3%9Fe"),
        ("🦊", "%F0%9F%A6%8A"), (".hidden", "%2Ehidden"), ("a.b", "a.b"), ("50%", "50%25"),
        ("a/b", "a%2Fb"),
        ("a:b", "a%3Ab"), ("a~b", "a%7Eb"), ("a\\b", "a%5Cb"), ("%2E", "%252E"), ("a+b", "a%2Bb"),
    ],
)  # fmt: skip
def test_stems(model: str, stem: str) -> None:
    assert file_stem(model) == stem
    assert model_of(stem) == model


@settings(max_examples=EXAMPLES * 2, deadline=None)
@given(names)
def test_a_stem_is_a_file_name_and_leads_back(model: str) -> None:
    stem = file_stem(model)
    assert model_of(stem) == model
    assert re.fullmatch(r"[A-Za-z0-9._ %-]+", stem) and not stem.startswith(".")
    assert RegistryFolder("registry").classify(f"registry/models/{stem}.yaml") == "manifest"


@settings(max_examples=EXAMPLES, deadline=None)
@given(names, names)
def test_names_are_twins_only_if_they_are_equal_but_for_case(one: str, other: str) -> None:
    """Names are compared as the file systems and databases do that take most of them for one."""
    assume(one != other)
    found = name_clashes(
        [f"registry/models/{file_stem(one)}.yaml", f"registry/models/b/{file_stem(other)}.yaml"]
    )
    assert bool(found) == (folded(one) == folded(other))
    assert {problem.code for problem in found} <= {"case-clash"}


def test_twins_are_each_told_of_the_others() -> None:
    found = name_clashes(
        ["r/models/a.yaml", "r/models/x/a.yaml", "r/models/A.yaml", "r/models/b.yaml"]
    )
    assert [
        (problem.file, problem.code, problem.message.partition(": some file systems")[0])
        for problem in found
    ] == [
        ("r/models/A.yaml", "case-clash", "differs only in case from r/models/a.yaml and 1 more"),
        (
            "r/models/a.yaml",
            "duplicate-model",
            "is a second manifest of the same model: r/models/x/a.yaml",
        ),
        ("r/models/a.yaml", "case-clash", "differs only in case from r/models/A.yaml"),
        (
            "r/models/x/a.yaml",
            "duplicate-model",
            "is a second manifest of the same model: r/models/a.yaml",
        ),
        ("r/models/x/a.yaml", "case-clash", "differs only in case from r/models/A.yaml"),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Churn", "churn"),
        ("ÉCOLE", "école"),
        ("caf\u00e9", "cafe\u0301"),
        ("CAFE\u0301", "caf\u00e9"),
        ("Straße", "STRASSE"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("\u212bngström", "ångström"),
        ("\uac00", "\u1100\u1161"),
        ("churn", "churn "),
    ],
)
def test_names_that_some_registries_take_for_one_are_refused(one: str, other: str) -> None:
    paths = [f"registry/models/{file_stem(one)}.yaml", f"registry/models/b/{file_stem(other)}.yaml"]
    problems = name_clashes(paths)
    assert [problem.code for problem in problems] == ["case-clash", "case-clash"]
    assert all("--registry-dir" in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("one", "other"), [("resume", "résumé"), ("a.b", "a-b"), ("fraud", "frаud"), ("x1", "x¹")]
)
def test_names_that_only_look_alike_are_not_refused(one: str, other: str) -> None:
    paths = [f"registry/models/{file_stem(name)}.yaml" for name in (one, other)]
    assert name_clashes(paths) == []


@pytest.mark.parametrize(
    "aliases", ["Champion: 1, champion: 2", "a: 1, A: 1", "x_Y: 1, z: 2, X_y: 3"]
)
def test_aliases_that_some_registries_take_for_one_are_refused(aliases: str) -> None:
    valid, codes = manifest("fraud", f"aliases: {{{aliases}}}\n")
    assert not valid and codes == ["alias-clash"]


def manifest(name: str, rest: str = "") -> tuple[bool, list[str]]:
    """Whether a manifest of that name is right, and the codes of what is wrong with it."""
    text = f"name: {json.dumps(name, ensure_ascii=False)}\nstages: {{}}\n{rest}"
    read, document = read_manifest(text.encode("utf-8"), f"registry/models/{file_stem(name)}.yaml")
    return read is not None, [problem.code for problem in document.problems]


@settings(max_examples=EXAMPLES, deadline=None)
@given(names)
def test_what_is_let_through_mlflow_takes(name: str) -> None:
    fine, codes = manifest(name)
    if fine:
        assert takes("_validate_model_name", name)
    else:
        assert set(codes) & {
            "name-refused",
            "bad-value",
            "control-character",
            "invisible-character",
        }
    if name_fault(name) is None and "/" not in name and ":" not in name:
        assert fine


@needs_mlflow("3.17")  # older ones take some of these
@pytest.mark.parametrize("name", ["..", ".", "../a", "a/b", "a:b", "/a", "a/", "a//b", "", "  "])
def test_names_that_mlflow_refuses(name: str) -> None:
    assert not takes("_validate_model_name", name)
    assert not manifest(name)[0]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text("aZ09_./:- *é\\", min_size=1, max_size=9))
def test_tags_that_are_let_through_mlflow_takes(key: str) -> None:
    fine, _ = manifest("m", f"tags: {{{json.dumps(key)}: x}}\n")
    if fine:
        assert takes("_validate_registered_model_tag", key, "x") and takes(
            "_validate_model_version_tag", key, "x"
        )
        assert tag_fault(key) is None


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.text("aV_-.10é latest", min_size=1, max_size=7)
    | st.from_regex(r"[vV][0-9]{1,3}|latest|LaTeSt", fullmatch=True)
)
def test_aliases_that_are_let_through_mlflow_takes(alias: str) -> None:
    fine, _ = manifest("m", f"aliases: {{{json.dumps(alias)}: 1}}\n")
    if fine:
        assert takes("_validate_model_alias_name", alias) and takes(
            "_validate_model_alias_name_reserved", alias
        )
    assert alias_reserved(alias) == (not takes("_validate_model_alias_name_reserved", alias))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("m", None),
        ("a" * 250, None),
        ("a" * 251, "the name is too long for a file name"),
        ("é" * 42, "the name is too long for a file name"),  # %C3%A9 each
        ("", "the name is empty"),
        (" \t", "the name is empty"),
        ("a\nb", "the name contains a control character"),
        ("a\tb", "the name contains a control character"),
        ("a\rb", "the name contains a control character"),
        ("a\x1bb", "the name contains a control character"),
        ("a\u202eb", "the name contains a control character"),
        ("..", "MLflow refuses the name '..'"),
        (".", "MLflow refuses the name '.'"),
        ("..a", "MLflow refuses the name '..a'"),
        ("a..", None),
        (".a", None),
        ("a/b", None),  # the schema refuses it
        ("/a", "MLflow refuses the name '/a'"),
        ("//a", "MLflow refuses the name '//a'"),
        ("../a", "MLflow refuses the name '../a'"),
        ("a/./b", "MLflow refuses the name 'a/./b'"),
    ],
)
def test_why_a_name_is_refused(name: str, fault: str | None) -> None:
    assert name_fault(name) == fault


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("a", None),
        ("a/b", None),
        ("gitops", None),
        ("xgitops.a", None),
        ("gitops.a", "tags that begin with gitops. or mlflow. are reserved for the tools"),
        ("mlflow.a", "tags that begin with gitops. or mlflow. are reserved for the tools"),
        ("a//b", "MLflow refuses the tag name 'a//b'"),
        ("..", "MLflow refuses the tag name '..'"),
        ("", "MLflow refuses the tag name ''"),
    ],
)
def test_why_a_tag_is_refused(key: str, fault: str | None) -> None:
    assert tag_fault(key) == fault


def test_a_stem_that_no_name_has_still_leads_to_one() -> None:
    assert model_of("a%FFb") == "a\ufffdb", "not text, and not a crash"
    assert model_of("a%20b") == "a b" and model_of("a+b") == "a+b"


def test_a_name_that_is_no_text_still_has_a_file() -> None:
    """JSON's escapes can spell half a character; the manifest is refused, and refusing it must not
    crash."""
    assert file_stem("a\ud800") == "a%ED%A0%80"
    assert name_fault("a\ud800") == "the name contains a control character"


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("team", "Team", "only in case"),
        ("team", "team ", "only in spaces at the end"),
        ("caf\u00e9", "cafe\u0301", "only in the form of its letters"),
    ],
)
def test_how_twins_differ(one: str, other: str, words: str) -> None:
    assert folded(one) == folded(other) and difference(one, other) == words
