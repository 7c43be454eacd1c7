"""How far a run has come, and how long it still takes."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from mlflow_gitops.commands.run_progress import run_progress
from mlflow_gitops.core.plan.outcome import Outcome
from mlflow_gitops.core.plan.plan import Change, ModelPlan
from mlflow_gitops.settings import Settings
from tests.support.console.streams import Terminal


def outcomes(count: int) -> list[Outcome]:
    return [Outcome(f"model-{number}", "applied") for number in range(count)]


def plans(count: int, changed: int) -> list[ModelPlan]:
    """Of which the last ones are changed."""
    write = Change("set_tag", None, "team", None, "risk")
    return [
        ModelPlan(
            f"model-{number}", None, "Pending", None, changes=(write,) * (number >= count - changed)
        )
        for number in range(count)
    ]


def printed(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, verbosity: int, step: float
) -> str:
    """What a run of 1,500 models prints, each of which takes `step` seconds."""
    monkeypatch.setattr(sys, "stderr", stream)
    times = (number * step for number in range(10_000))
    follow = run_progress(Settings(verbosity=verbosity), plans(1_500, 1_500), lambda: next(times))
    assert list(follow(outcomes(1_500))) == outcomes(1_500)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("step", "lines"),
    [
        (0.01, []),
        (
            0.05,
            [
                "600 of 1,500 models are done, about 45 s left.",
                "1,200 of 1,500 models are done, about 15 s left.",
            ],
        ),
        (
            15.0,
            [
                f"{done:,} of 1,500 models are done, about {left} left."
                for done, left in ((2, "6 h"), (4, "6 h"))
            ],
        ),
    ],
)
def test_a_pipe_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, step: float, lines: list[str]
) -> None:
    text = printed(monkeypatch, io.StringIO(), 0, step)
    assert text.splitlines()[: len(lines)] == lines and bool(text) is bool(lines)


def test_a_terminal_gets_a_bar_and_quiet_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(monkeypatch, io.StringIO(), -1, 15.0) == ""
    shown = printed(monkeypatch, Terminal(), 0, 15.0)
    assert "Reconciling" in shown and "1500/1500" in shown and "models are done" not in shown


def test_the_models_that_nothing_is_written_to_do_not_count_for_the_speed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are all there at once; the others take a second each."""
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    moments: Iterator[float] = iter([0.0] * 901 + [float(number) for number in range(1, 101)])
    follow = run_progress(Settings(), plans(1_000, 100), lambda: next(moments))
    list(follow(outcomes(1_000)))
    assert stream.getvalue().splitlines() == [
        "30 of 100 models are done, about 1 min left.",
        "60 of 100 models are done, about 40 s left.",
        "90 of 100 models are done, about 10 s left.",
    ]


def test_an_interrupt_is_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted() -> Iterator[Outcome]:
        yield from outcomes(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with pytest.raises(KeyboardInterrupt):
        list(run_progress(Settings(), plans(2, 2))(interrupted()))
    assert "the models under way are finished and recorded" in stream.getvalue()
