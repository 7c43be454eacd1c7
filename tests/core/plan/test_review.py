"""What reviewers ask: how long a version has held its stage, whether an owner approved, and where
else the same version is."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.history.tenures import AppliedCommit, ReconciledHistory
from mlflow_gitops.core.history.web_pages import WebPages
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.mlflow_pages import MlflowPages, page_address, pages_of
from mlflow_gitops.core.plan.review import (
    HeldSince,
    PlanLinks,
    ReviewedVersion,
    StageReview,
    VersionCopy,
    copies_of,
    has_owner_approved,
    held_since,
)


def run(at: str, *entered: tuple[str, int]) -> AppliedCommit:
    return AppliedCommit(0, at, entered=frozenset(entered))


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], None),
        ([run("t1")], HeldSince("t1", at_least=True)),
        ([run("t1", ("Production", 3))], HeldSince("t1")),
        ([run("t1"), run("t2", ("Production", 3)), run("t3", ("Staging", 3))], HeldSince("t2")),
        ([run("t1", ("Production", 3)), run("t2", ("Production", 3))], HeldSince("t2")),
        ([run("t1", ("Production", 2)), run("t2")], HeldSince("t1", at_least=True)),
    ],
    ids=["no receipts", "adopted", "promoted", "since", "put back after drift", "another version"],
)
def test_how_long_a_version_has_held_a_stage(
    runs: list[AppliedCommit], expected: HeldSince | None
) -> None:
    assert held_since(ReconciledHistory(runs), "Production", 3) == expected


@pytest.mark.parametrize(
    ("owners", "approved_by", "expected"),
    [
        (("@carol",), ("@Carol",), True),
        (("@carol",), ("@dave",), False),
        (("@acme/ml",), ("@dave",), None),
        (("@acme/ml", "@dave"), ("@dave",), True),
        (("@acme/ml",), (), False),
        ((), ("@dave",), False),
    ],
)
def test_whether_an_owner_approved(
    owners: tuple[str, ...], approved_by: tuple[str, ...], expected: bool | None
) -> None:
    assert has_owner_approved(owners, approved_by) is expected


def manifest(stages: dict[str, tuple[int, ...]], **versions: VersionSpec) -> Manifest:
    pins = {int(name[1:]): spec for name, spec in versions.items()}
    return Manifest("churn", "churn.yaml", None, (), {}, stages, {}, pins)


def copy_of(environment: str, version: int, digest: str = "sha256:a") -> VersionSpec:
    return VersionSpec(origin=OriginPin(environment, version, digest))


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (copy_of("staging", 5), VersionSpec(), [VersionCopy("staging", 5, ("Production",))]),
        (VersionSpec(), copy_of("prod", 2), [VersionCopy("staging", 5, ("Production",))]),
        (copy_of("dev", 9), copy_of("dev", 9), [VersionCopy("staging", 5, ("Production",))]),
        (
            VersionSpec(digest="sha256:a"),
            VersionSpec(digest="sha256:a"),
            [VersionCopy("staging", 5, ("Production",))],
        ),
        (VersionSpec(), VersionSpec(), []),
        (copy_of("dev", 9), copy_of("dev", 8, "sha256:b"), []),
        (VersionSpec(digest="sha256:a"), VersionSpec(digest="sha256:b"), []),
    ],
)
def test_where_else_a_version_is(
    ours: VersionSpec, theirs: VersionSpec, expected: list[VersionCopy]
) -> None:
    model = manifest({"Production": (2,)}, v2=ours)
    others = [("staging", manifest({"Production": (5,), "Staging": (4,)}, v5=theirs))]
    assert list(copies_of(model, 2, "prod", others)) == expected


# -- links -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://mlflow.example", "https://mlflow.example"),
        ("http://localhost:5000/base/", "http://localhost:5000/base"),
        ("https://me:pa55word@mlflow.example", None),
        ("https://mlflow.example/?token=x", None),
        ("https://mlflow.example/a)b", None),
        ("https://mlflow.example/ x", None),
        ("sqlite:///mlflow.db", None),
        ("databricks", None),
        ("off", None),
    ],
)
def test_the_address_of_pages(uri: str, expected: str | None) -> None:
    assert page_address(uri) == expected


def test_pages_of_names_that_need_quoting() -> None:
    pages = pages_of("https://registry.example", "https://runs.example/")
    assert (
        pages.of_version("Credit (EU)/2", 3)
        == "https://registry.example/#/models/Credit%20%28EU%29%2F2/versions/3"
    )
    assert pages.of_version("greeting", 3, is_prompt=True) == (
        "https://registry.example/#/prompts/greeting"
    )
    assert pages.of_run("a" * 32) == f"https://runs.example/#/runs/{'a' * 32}"
    assert pages.of_run("../x") is None


def test_links_to_code_that_this_repository_has() -> None:
    forge = WebPages("f/commit/{}", "f/pull/{}", "f/compare/{}...{}")
    links = PlanLinks(MlflowPages(None, None), forge)
    old, new = (ReviewedVersion(n, code_commit=str(n) * 40, has_code=True) for n in (1, 2))
    assert links.of_code(new) == f"f/commit/{'2' * 40}"
    assert links.of_code_diff(StageReview(old, new)) == f"f/compare/{'1' * 40}...{'2' * 40}"
    elsewhere = ReviewedVersion(2, code_commit="2" * 40)
    assert links.of_code(elsewhere) is None
    assert links.of_code_diff(StageReview(old, elsewhere)) is None
    assert links.of_code_diff(StageReview(old, old)) is None, "the same commit"
    assert links.of_code_diff(StageReview(None, new)) is None
    assert links.of_version("m", new) is None and links.of_run(new) is None
