"""What a gate gets about a version that MLflow does not have yet, and of one that is still to be
copied."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlflow_gitops.core.gates import Finding, pinned, status, tags
from mlflow_gitops.core.manifests.manifest import VersionSpec
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.core.verdicts.entry_subject import EntrySubject, unregistered
from tests.support.core.subjects import said, subject

PIN = OriginPin("staging", 9, "sha256:" + "a" * 64, run_id="r9", model_id="m-9", model="fraud")
THERE = ObservedVersion(
    9, tags={"validation": "passed", "gitops.commit": "abc", "mlflow.user": "somebody"}
)


def coming(
    origin: Callable[[OriginPin], ObservedVersion | None], **about: VersionSpec
) -> EntrySubject:
    """Version 14 of a registry that has 12 alone: the manifest says that it comes from another
    environment."""
    spec = about.get("spec", VersionSpec(origin=PIN))
    return subject(versions=(12,), spec=spec, origin=origin)


def nobody(pin: OriginPin) -> ObservedVersion | None:
    return pytest.fail(f"asked for {pin.label}")


def test_a_version_to_be_registered_is_known_by_its_pin() -> None:
    """It has the run and the logged model that its metrics and its signature are read from, and no
    status: it is not there."""
    spec = VersionSpec(
        run_id="r1", source="file:///1", model_id="m-1", description="told", tags={"a": "b"}
    )
    found = unregistered(14, spec)
    assert found == ObservedVersion(14, run_id="r1", source="file:///1", model_id="m-1", status="")
    assert subject(versions=(12,), spec=spec).version == found


def test_a_version_to_be_copied_is_known_by_its_origin_alone() -> None:
    """The origin's run and logged model are in another MLflow: under these names this one may have
    others."""
    spec = VersionSpec(run_id="r1", source="file:///1", model_id="m-1", origin=PIN)
    assert unregistered(14, spec) == ObservedVersion(14, status="", origin=PIN)
    assert coming(nobody).version == ObservedVersion(14, status="", origin=PIN)


def test_of_a_version_without_a_pin_nothing_but_its_number_is_known() -> None:
    assert subject(versions=(12,)).version == ObservedVersion(14, status="")


def test_what_mlflow_has_counts_for_more_than_the_pin() -> None:
    here = subject(tags={"validation": "failed"}, spec=VersionSpec(origin=PIN), origin=nobody)
    assert here.version == ObservedVersion(14, tags={"validation": "failed"})
    assert here.tags() == {"validation": "failed"}, (
        "once the copy is here, its own tags are what is judged"
    )


def test_the_tags_of_a_copy_are_people_s_tags_at_its_origin() -> None:
    """A copy gets them and not the tools': a stamp of the other environment is no stamp here."""
    asked: list[OriginPin] = []

    def origin(pin: OriginPin) -> ObservedVersion | None:
        asked.append(pin)
        return THERE

    assert coming(origin).tags() == {"validation": "passed"}
    assert asked == [PIN]
    wanted = {"validation": "passed", "gitops.commit": "abc"}
    assert said(*tags.ask(coming(origin), wanted)) == [
        ("passed", "tag validation is passed"),
        ("failed", "tag gitops.commit is missing"),
    ]


def test_an_origin_that_has_no_such_version_gives_no_tags() -> None:
    assert coming(lambda pin: None).tags() == {}
    assert said(*tags.ask(coming(lambda pin: None), {"validation": "passed"})) == [
        ("failed", "tag validation is missing")
    ]


def test_an_origin_that_does_not_answer_is_not_taken_for_one_without_tags() -> None:
    def silent(pin: OriginPin) -> ObservedVersion | None:
        raise Unreadable("it does not answer")

    with pytest.raises(Unreadable, match="it does not answer"):
        coming(silent).tags()


def test_the_tags_of_a_version_that_comes_from_no_environment_are_its_own() -> None:
    assert coming(nobody, spec=VersionSpec(source="file:///1")).tags() == {}
    assert subject(tags={"a": "b"}, origin=nobody).tags() == {"a": "b"}


def test_a_copy_will_be_ready_and_nothing_else() -> None:
    """A copy is registered once it is whole, so READY is what it will be; another status it will
    not have."""
    copy = coming(nobody)
    assert status.ask(copy, "READY") == Finding(
        "passed", "14 will be a copy of staging/9, which is registered once it is whole"
    )
    assert status.ask(copy, "PENDING_REGISTRATION").status == "failed"
    assert (
        status.ask(coming(nobody, spec=VersionSpec(source="file:///1")), "READY").status == "failed"
    )


@pytest.mark.parametrize(
    "spec", [VersionSpec(digest="sha256:" + "b" * 64), VersionSpec(origin=PIN)]
)
def test_what_a_prompt_says_pins_it_and_an_origin_pins_a_copy(spec: VersionSpec) -> None:
    assert pinned.ask(subject(spec=spec), True) == Finding("passed", "pinned")
