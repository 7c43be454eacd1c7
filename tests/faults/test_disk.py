"""No room, or no right, where receipts go: what was applied is reported as such, and recorded by
the next run (RULES R6)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.forks import Ended, Forks
from tests.faults.scenes import Stage
from tests.faults.undisturbed import Undisturbed, settled, undisturbed
from tests.support.experiments.sampling import CountCases

pytestmark = [pytest.mark.real, pytest.mark.skipif(not shutil.which("mount"), reason="needs mount")]


@contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """A file system of one megabyte at a folder. Only root may mount one."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode:
        pytest.skip("a disk of its own can be mounted by root alone")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def stage(scene: Callable[[str], Stage], room: Path) -> Iterator[Stage]:
    """A scene whose repository lies on a disk of its own, and whose registry does not."""
    with disk(room / "disk") as small:
        copy = scene("promotion").copy(room / "scene")
        shutil.move(copy.repo, small / "repo")
        copy.repo.symlink_to(small / "repo")
        yield copy


@pytest.fixture(scope="module")
def whole(scene: Callable[[str], Stage], forking: Forks, memory: Path) -> Undisturbed:
    return undisturbed(scene("promotion"), memory / "disk-whole", forking)


def not_recorded(stage: Stage, ended: Ended, whole: Undisturbed) -> None:
    assert ended.code == 5 and "applied, not recorded" in ended.err, ended
    assert ended.err.count("\n") <= 2 and ended.json["receipt"] is None
    assert ended.json["models"][0]["result"] == "applied"
    after = settled(stage)[0]["promotion-a"]
    wanted = whole.after["promotion-a"]
    assert {**after, "tags": None} == {**wanted, "tags": None}


def recovered(stage: Stage, ended: Ended, whole: Undisturbed) -> None:
    assert ended.code == 0 and "Recovered the receipt" in ended.err, ended
    assert settled(stage) == (whole.after, whole.told)


def test_a_full_disk(stage: Stage, whole: Undisturbed, forking: Forks, counted: CountCases) -> None:
    filler = stage.repo / "filler"
    with pytest.raises(OSError, match="No space"), open(filler, "wb", buffering=0) as full:
        while True:
            full.write(b"0" * 512)
    not_recorded(stage, forking.run(stage.job()), whole)
    filler.unlink()
    recovered(stage, forking.run(stage.job(log="again")), whole)
    counted("disk full where receipts go", 1, 2)


def test_a_disk_that_may_only_be_read(
    stage: Stage, whole: Undisturbed, forking: Forks, counted: CountCases
) -> None:
    where = str(stage.repo.resolve().parent)
    subprocess.run(["mount", "-o", "remount,ro", where], check=True)
    not_recorded(stage, forking.run(stage.job()), whole)
    subprocess.run(["mount", "-o", "remount,rw", where], check=True)
    recovered(stage, forking.run(stage.job(log="again")), whole)
    counted("disk read-only where receipts go", 1, 2)
