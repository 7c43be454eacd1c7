"""Others at work on the same registry meanwhile. At a boundary of one run the other does all that
it does, then the first goes on: every order in which the two can meet, one after another, not those
that chance brings."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.forks import Ended, Forks, Job
from tests.faults.scenes import POLICY, Scene, Stage, build
from tests.faults.state import chain_holds, state
from tests.faults.undisturbed import undisturbed
from tests.support.experiments.sampling import CountCases, case_params, sample
from tests.support.receipts import receipts_in

TWO = Scene(
    "race",
    {"a": 4},
    [{"a": "stages: {Production: 1, Staging: 2}\naliases: {champion: 1}\n"}],
    [
        {"a": "stages: {Production: 2, Staging: 3}\naliases: {champion: 2}\n"},
        {"a": "stages: {Production: 3, Staging: 4}\naliases: {champion: 3}\ntags: {t: x}\n"},
    ],
)
NAME = TWO.model("a")


@pytest.fixture(scope="module")
def two(forking: Forks, blank_registry: Callable[[Path], str], memory: Path) -> Stage:
    blank = memory / "race-blank.db"
    blank_registry(blank)
    return build(TWO, memory / "race", blank.read_bytes(), forking)


def meet(forking: Forks, first: Job, at: int, second: Callable[[], object], room: Path) -> Ended:
    """Run `first` up to its boundary `at`, then `second`, then the rest of `first`."""
    pipe = room / "pause"
    os.mkfifo(pipe)
    running = forking.start(Job(**{**vars(first), "at": at, "side": "after", "pause": str(pipe)}))
    assert pipe.read_text() == "here"
    second()
    pipe.write_text("go on")
    pipe.unlink()
    return running.wait()


@dataclass(frozen=True)
class Whole:
    boundaries: list[int]
    """Where the first run speaks with MLflow."""
    older: list[int]
    """The same for the commit before."""
    end: dict[str, object]
    """What MLflow holds once the newest commit is applied."""


@pytest.fixture(scope="module")
def whole(two: Stage, forking: Forks, memory: Path) -> Whole:
    done = undisturbed(two, memory / "race-whole", forking)
    copy = two.copy(memory / "race-older")
    older = forking.run(copy.job("reconcile", "--yes", "--rev", "HEAD~1"))
    assert older.code == 0, older
    mine, theirs = (
        [line[0] for line in run.trace if line[1] == "mlflow"][2:] for run in (done.ended, older)
    )
    return Whole(mine, theirs, what_counts(done.after[NAME]))


def what_counts(model: dict[str, object]) -> dict[str, object]:
    """All but the stamps: which run put a thing there depends on who came first."""
    versions = {n: {**v, "tags": None} for n, v in model["versions"].items()}  # type: ignore[attr-defined]
    tags = {k: v for k, v in model["tags"].items() if not k.startswith("gitops.")}  # type: ignore[attr-defined]
    return {**model, "versions": versions, "tags": tags}


def held(stage: Stage) -> dict[str, object]:
    return what_counts(state(stage.database, [NAME], receipts_in(stage.repo))[NAME])


def serves(*runs: Ended) -> list[set[int | None]]:
    """What readers were served in all, of the stage and of the alias."""
    return [
        {line[3][NAME][i] for run in runs for line in run.trace if NAME in line[3]} for i in (0, 1)
    ]


def converges(stage: Stage, whole: Whole, forking: Forks) -> None:
    """The next run brings all that git wants, and the one after it writes nothing."""
    ended = forking.run(stage.job(log="next"))
    assert ended.code == 0, ended
    assert held(stage) == whole.end
    quiet = forking.run(stage.job("plan", "--detailed-exitcode", log="quiet"))
    assert quiet.code == 0, quiet
    assert chain_holds(receipts_in(stage.repo))


def moves_unseen(run: Ended, at: int) -> bool:
    """Whether the run was held up after its last look and before a move: MLflow (3.17) cannot
    compare before it writes, so that what was decided then is written, even if others wrote in
    between. A stage emptied so is filled by the next run."""
    return any(
        line[0] > at and line[2] == "transition_model_version_stage" for line in run.trace
    ) and (
        next(line[2] for line in run.trace if line[0] > at and line[1] == "mlflow")
        == "transition_model_version_stage"
    )


RIVALS = {
    "the same commit": ("HEAD", "HEAD"),
    "an older commit meets a newer": ("HEAD~1", "HEAD"),
    "a newer commit meets an older": ("HEAD", "HEAD~1"),
}


@pytest.mark.parametrize("rivals", case_params(RIVALS, ("an older commit meets a newer",)))
def test_two_reconcilers(
    rivals: str, two: Stage, whole: Whole, forking: Forks, room: Path, counted: CountCases
) -> None:
    mine, others = RIVALS[rivals]
    tried = sample(whole.boundaries if mine == "HEAD" else whole.older, rivals)
    for at in tried:
        stage = two.copy(room / str(at))
        clone = Stage(TWO, room / f"{at}-other")
        clone.folder.mkdir()
        shutil.copytree(stage.repo, clone.repo)
        uri = f"sqlite:///{stage.database}"
        step = ["reconcile", "--yes", "--format", "json", "--rev"]
        second: list[Ended] = []
        first = meet(
            forking,
            stage.job(*step, mine, watch=[NAME]),
            at,
            lambda: second.append(forking.run(clone.job(*step, others, uri=uri, log="other"))),  # noqa: B023
            room,
        )
        # One of them may find that the other was there first, and says so.
        assert first.code in (0, 4, 5) and second[0].code in (0, 4), (at, first, second)
        for served in serves(first):
            assert served <= {1, 2, 3, None}
            assert None not in served or moves_unseen(first, at), (at, first)
        converges(stage, whole, forking)
    counted(f"two reconcilers: {rivals}", len(tried), 4 * len(tried))


@pytest.mark.real
def test_two_repositories_on_one_registry(
    two: Stage, whole: Whole, forking: Forks, room: Path, counted: CountCases
) -> None:
    """The model's owner goes on as if nobody had come; the other is refused and writes nothing."""
    tried = sample(whole.boundaries, "repositories")
    for at in tried:
        stage = two.copy(room / str(at))
        other = Stage(TWO, room / f"{at}-other")
        other.folder.mkdir()
        from tests.support.team import Team

        team = Team(other.repo, "unused")
        team.write("policy.yaml", POLICY)
        team.commit("Theirs", **{NAME: f"name: {NAME}\nstages: {{Production: 4}}\n"})
        second: list[Ended] = []
        uri = f"sqlite:///{stage.database}"
        first = meet(
            forking,
            stage.job(watch=[NAME]),
            at,
            lambda: second.append(forking.run(other.job(uri=uri, log="other"))),  # noqa: B023
            room,
        )
        assert first.code == 0 and second[0].code == 4, (at, first, second)
        [refusal] = second[0].json["models"][0]["refusals"]
        assert refusal["code"] == "owner" and "--take-over" in refusal["way_out"]
        assert held(stage) == whole.end
        converges(stage, whole, forking)
    counted("two repositories on one registry", len(tried), 4 * len(tried))


CLICKS = {
    "moves the new Production away": ["transition_model_version_stage", NAME, "3", "None"],
    "puts another version into Production": [
        "transition_model_version_stage",
        NAME,
        "4",
        "Production",
    ],
    "points the alias elsewhere": ["set_registered_model_alias", NAME, "production", "4"],
    "removes the alias": ["delete_registered_model_alias", NAME, "production"],
    "writes a tag and a description": ["set_registered_model_tag", NAME, "t", "by hand"],
    "takes the stamps away": ["delete_registered_model_tag", NAME, "gitops.commit"],
    "trains a new version": ["create_model_version", NAME, "s3://trained/5"],
}


@pytest.mark.parametrize("click", case_params(CLICKS, ("moves the new Production away",)))
def test_somebody_in_mlflow_meanwhile(
    click: str, two: Stage, whole: Whole, forking: Forks, room: Path, counted: CountCases
) -> None:
    tried = sample(whole.boundaries, click)
    for at in tried:
        stage = two.copy(room / str(at))
        ui = Job(
            str(stage.repo),
            f"sqlite:///{stage.database}",
            [["click", *CLICKS[click]]],
            str(stage.folder / "ui"),
        )
        first = meet(forking, stage.job(watch=[NAME]), at, lambda: forking.run(ui), room)  # noqa: B023
        assert first.code in (0, 4, 5), (at, first)
        truth = held(stage)
        if first.code == 5:
            assert first.json["models"][0]["error"]
        for change in first.json["models"][0]["changes"] if first.code != 0 else ():
            assert change["action"] != "register_version", change
        ended = forking.run(stage.job(log="next"))
        if click == "takes the stamps away" and ended.code == 4:
            assert "base_unknown" in ended.out and "--adopt" in ended.out, (at, ended, truth)
            continue
        assert ended.code == 0, (at, first, ended)
        now = held(stage)
        now["versions"].pop(5, None)  # type: ignore[attr-defined]
        assert now == whole.end, (at, click)
        quiet = forking.run(stage.job("plan", "--detailed-exitcode", log="quiet"))
        assert quiet.code == 0, quiet
    counted(f"somebody in MLflow meanwhile {click}", len(tried), 4 * len(tried))


@pytest.mark.real
def test_four_at_once_and_a_reader(
    two: Stage, whole: Whole, forking: Forks, room: Path, counted: CountCases
) -> None:
    """Not in turns: four clones of one commit, and a reader that asks as deployments do, all at the
    same time."""
    from tests.faults.boundaries import served

    rounds = sample(range(25), "at once")
    for each in rounds:
        stage = two.copy(room / str(each))
        uri = f"sqlite:///{stage.database}"
        clones = [Stage(TWO, room / f"{each}-{n}") for n in range(4)]
        for clone in clones:
            clone.folder.mkdir()
            shutil.copytree(stage.repo, clone.repo)
        running = [forking.start(clone.job(uri=uri)) for clone in clones]
        seen: list[tuple[int | None, int | None]] = []
        end = time.monotonic() + 2
        while time.monotonic() < end and held(stage) != whole.end:
            seen.append(served(str(stage.database), [NAME])[NAME])
        for run in running:
            assert run.wait().code in (0, 4, 5)
        seen.append(served(str(stage.database), [NAME])[NAME])
        for i in (0, 1):
            course = [one[i] for n, one in enumerate(seen) if n == 0 or one[i] != seen[n - 1][i]]
            assert None not in course and course == sorted(course, key=lambda v: v or 0), course
        converges(stage, whole, forking)
    counted("four reconcilers at once, and a reader", len(rounds), 6 * len(rounds))
