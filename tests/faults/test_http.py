"""A server that refuses, breaks off, stalls, or does what it is asked and says nothing, at each
request in turn."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.faults.forks import Ended, Forks
from tests.faults.http import LONG, PATIENCE, Behind
from tests.faults.scenes import BY_NAME, Stage
from tests.faults.state import State
from tests.faults.undisturbed import undisturbed
from tests.support.experiments.sampling import ALL, GROUP, SAMPLE, CountCases, case_params, sample
from tests.support.proxy import (
    LOSE_THE_ANSWER,
    RESET,
    TRUNCATE,
    Answer,
    Fault,
    Instead,
    Proxy,
    proxy,
)
from tests.support.together import Shared, locked

pytestmark = [pytest.mark.xdist_group(GROUP), pytest.mark.usefixtures("alone")]

Place = Callable[[str], Behind]
KINDS: dict[str, Fault] = {
    "429": Answer(429, ""),
    "429 with Retry-After": Answer(429, "", {"Retry-After": "1"}),
    "500": Answer(500, "<h1>Internal Server Error</h1>"),
    "502": Answer(502, "<html>Bad Gateway</html>"),
    "503": Answer(503, '{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "soon"}'),
    "504": Answer(504, ""),
    "reset": RESET,
    "truncated": TRUNCATE,
    "answer lost": LOSE_THE_ANSWER,
    "done, then 504": Instead(Answer(504, "<html>Gateway Time-out</html>")),
    "done, then 500": Instead(Answer(500, "")),
    "stalled": "stalled",
    "late": "late",
}
"""`stalled`: never done. `late`: done after the client has given it up."""
WAITING = ("stalled", "late")
OVER = ("promotion", "registration", "cycle", "new", "removal")


@pytest.fixture(scope="module")
def between(http_server: Shared) -> Iterator[Proxy]:
    with proxy(http_server.address) as made:
        yield made


@pytest.fixture
def alone(http_server: Shared) -> Iterator[None]:
    """Scenes have their models' names to themselves, so only one worker at a time may have them on
    the shared server."""
    with locked(http_server.folder.parent / "faults-over-http.lock"):
        yield


@pytest.fixture
def place(
    scene: Callable[[str], Stage], forking: Forks, between: Proxy, http_server: Shared, room: Path
) -> Place:
    """A fresh copy of a scene behind the server."""
    counter = iter(range(10_000))

    def put(name: str) -> Behind:
        stage = scene(name).copy(room / f"{name}-{next(counter)}")
        return Behind(stage, http_server.folder / "mlflow.db", between, forking)

    return put


@pytest.fixture(scope="module")
def whole(scene: Callable[[str], Stage], forking: Forks, memory: Path) -> Callable[[str], Any]:
    """What an undisturbed run leaves, on SQLite: MLflow holds the same in both."""
    known: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in known:
            known[name] = undisturbed(scene(name), memory / "whole" / name, forking)
        return known[name]

    return get


@pytest.fixture(scope="module")
def requests(
    scene: Callable[[str], Stage], forking: Forks, between: Proxy, http_server: Shared, memory: Path
) -> Callable[[str], int]:
    """How many requests a scene's run makes when nobody disturbs it."""
    known: dict[str, int] = {}

    def count(name: str) -> int:
        if name not in known:
            behind = Behind(
                scene(name).copy(memory / uuid.uuid4().hex),
                http_server.folder / "mlflow.db",
                between,
                forking,
            )
            assert behind.run().code == BY_NAME[name].code
            known[name] = len(between.requests)
        return known[name]

    return count


def drawn(turn: int, requests: Callable[[str], int]) -> Iterator[tuple[str, int]]:
    """Scenes and numbers of their requests: all of them, or a sample. Each turn's sample goes on
    where the one before it ended, so that all turns together come by every request."""
    scenes = OVER if SAMPLE != "1" else random.Random(turn).sample(OVER, 1)
    every = [(name, number) for name in scenes for number in range(requests(name))]
    random.Random("every request").shuffle(every)
    wanted = len(every) if ALL else int(SAMPLE)
    yield from (every[i % len(every)] for i in range(turn * wanted, (turn + 1) * wanted))


def at(number: int, kind: str) -> Callable[[int, str, str], Fault]:
    """One fault, at one request."""
    fault = KINDS[kind]

    def answer(here: int, method: str, path: str) -> Fault:
        if here != number:
            return None
        if kind in WAITING:
            time.sleep(PATIENCE * 1.5)
            return RESET if kind == "stalled" else None
        return fault

    return answer


def tells_the_truth(behind: Behind, ended: Ended, target: State) -> None:
    """What a run that did not end well says of each model is what MLflow holds."""
    assert ended.code in (1, 4, 5), ended
    if "error" in ended.json:  # it read nothing, so it has no result
        assert ended.code == 1 and ended.err.startswith("error: "), ended
        return
    now, _ = behind.settled()
    for told in ended.json["models"]:
        name = told["model"]
        if told["result"] in ("applied", "unchanged"):
            mine = {key: value for key, value in now[name].items() if key != "tags"}
            assert mine == {key: value for key, value in target[name].items() if key != "tags"}, (
                ended
            )
        elif told["result"] == "failed":
            assert told["error"]
        for change in told["changes"]:
            assert holds(now.get(name), change), (change, ended)


def holds(model: Any, change: dict[str, Any]) -> bool:
    """Whether MLflow shows what a change says that it did."""
    if model is None:
        return False
    where = model if change["version"] is None else model["versions"].get(change["version"], {})
    action, key, to = change["action"], change["key"], change["to"]
    return bool(
        (action == "create_model")
        or (action == "register_version" and where)
        or (action == "transition" and where["stage"] == to)
        or (action == "set_alias" and model["aliases"].get(key) == to)
        or (action == "delete_alias" and key not in model["aliases"])
        or (action == "set_tag" and where["tags"].get(key) == to)
        or (action == "delete_tag" and key not in where["tags"])
        or (action == "set_description" and where["description"] == to)
    )


def registrations(behind: Behind) -> list[int]:
    """Count what the server registers; the list grows."""
    made: list[int] = []

    def passed(number: int, method: str, path: str, status: int) -> None:
        if path.endswith("model-versions/create") and status == 200:
            made.append(number)

    behind.between.passed = passed
    return made


@pytest.mark.parametrize("kind", case_params(KINDS, ("done, then 504",)))
def test_one_fault_at_each_request(
    kind: str,
    place: Place,
    whole: Callable[[str], Any],
    requests: Callable[[str], int],
    counted: CountCases,
) -> None:
    tried = 0
    for name, number in drawn(list(KINDS).index(kind), requests):
        behind = place(name)
        made = registrations(behind)
        behind.between.fault = at(number, kind)
        ended = behind.run(patience=PATIENCE if kind in WAITING else LONG)
        if ended.code != 0:
            tells_the_truth(behind, ended, whole(name).after)
        behind.between.settle()
        behind.between.fault = lambda *_: None
        again = behind.run("again")
        assert again.code == 0, (name, number, again)
        after, said = behind.settled()
        assert after == whole(name).after, (name, number, ended)
        assert said == whole(name).told, (name, number, ended)
        wanted = {"registration": 2, "new": 2}.get(name, 0)
        assert len(made) == wanted, (name, number)
        behind.stage.remove()
        tried += 1
    counted(f"one fault at each request: {kind}", tried, 2 * tried)


@pytest.mark.parametrize("kind", case_params(KINDS, ("answer lost",)))
def test_a_fault_at_a_reading_that_models_share(
    kind: str, place: Place, whole: Callable[[str], Any], counted: CountCases
) -> None:
    """Each of them is then read by itself. Two requests a reading: the plan's, then three more."""
    behind = place("crowd")
    turn = 2 + list(KINDS).index(kind) % 6
    readings: list[int] = []

    def fault(number: int, method: str, path: str) -> Fault:
        if "/search" in path:
            readings.append(number)
        return at(readings[turn], kind)(number, method, path) if len(readings) > turn else None

    behind.between.fault = fault
    ended = behind.run(patience=PATIENCE if kind in WAITING else LONG)
    assert len(readings) > turn and (ended.code == 0 or kind in WAITING), ended
    if ended.code != 0:
        tells_the_truth(behind, ended, whole("crowd").after)
    behind.between.settle()
    behind.between.fault = lambda *_: None
    assert behind.run("again").code == 0
    after, said = behind.settled()
    assert after == whole("crowd").after and said == whole("crowd").told
    counted("a fault at a reading that models share", 1, 2)


def test_killed_at_each_request(
    place: Place, whole: Callable[[str], Any], requests: Callable[[str], int], counted: CountCases
) -> None:
    tried = 0
    for (name, number), side in zip(
        drawn(len(KINDS), requests), cycle(("before", "after")), strict=False
    ):
        behind = place(name)
        made = registrations(behind)
        assert behind.killed_at(number, side).killed
        behind.between.settle()
        assert behind.run("again").code == 0
        after, said = behind.settled()
        assert after == whole(name).after, (name, number, side)
        assert said == whole(name).told, (name, number, side)
        assert len(made) <= 2
        behind.stage.remove()
        tried += 1
    counted("killed at each HTTP request", tried, 2 * tried)


def test_killed_while_several_models_are_written(
    place: Place, whole: Callable[[str], Any], requests: Callable[[str], int], counted: CountCases
) -> None:
    """The next run goes on with what was under way, and repeats nothing else."""
    # A busy machine divides readings, so that two runs differ by a few requests.
    numbers = sample(range(2, requests("crowd") - 6), "crowd")
    for number, side in zip(numbers, cycle(("after", "before")), strict=False):
        behind = place("crowd")
        assert behind.killed_at(number, side).killed
        behind.between.settle()
        assert behind.run("again").code == 0
        after, said = behind.settled()
        assert after == whole("crowd").after, (number, side)
        assert said == whole("crowd").told, (number, side)
        behind.stage.remove()
    counted("killed while several models are written, HTTP", len(numbers), 2 * len(numbers))


@pytest.mark.parametrize("kind", case_params(KINDS, ("late",)))
def test_a_fault_at_a_registration(
    kind: str, place: Place, whole: Callable[[str], Any], counted: CountCases
) -> None:
    """The one write that must not be done twice."""
    behind = place("registration")
    made = registrations(behind)
    seen: list[int] = []

    def first(number: int, method: str, path: str) -> Fault:
        if path.endswith("model-versions/create"):
            seen.append(number)
        return at(seen[0], kind)(number, method, path) if seen else None

    behind.between.fault = first
    ended = behind.run(patience=PATIENCE if kind in WAITING else LONG)
    assert seen and ended.code in (0, 5), ended
    behind.between.settle()
    behind.between.fault = lambda *_: None
    assert behind.run("again").code == 0
    after, said = behind.settled()
    assert after == whole("registration").after and said == whole("registration").told
    assert len(made) == 2
    counted("a fault at a registration", 1, 2)


@pytest.mark.parametrize(
    "name", case_params(("promotion", "rollback", "cycle", "chain", "several"), ("promotion",))
)
def test_a_reader_polls_as_deployments_do(
    name: str, place: Place, http_server: Shared, counted: CountCases
) -> None:
    """It resolves both addresses through MLflow's own code all the while; it sees the old version,
    then the new one."""
    from mlflow import MlflowClient
    from mlflow.store.artifact.utils.models import get_model_name_and_version

    client, model = MlflowClient(http_server.address), f"{name}-a"
    uris = [f"models:/{model}/Production"] + (
        [f"models:/{model}@production"] if name != "several" else []
    )
    rounds = range(20 if ALL else 1)
    for _ in rounds:
        behind = place(name)
        running = behind.forks.start(behind.job())
        seen: dict[str, list[str]] = {uri: [] for uri in uris}
        done = threading.Thread(target=running.wait)
        done.start()
        while True:
            last = not done.is_alive()
            for uri in uris:
                version = get_model_name_and_version(client, uri)[1]
                if seen[uri][-1:] != [version]:
                    seen[uri].append(version)
            if last:
                break
        assert running.wait().code == 0
        for uri, course in seen.items():
            assert len(course) <= 2, (uri, course)
        behind.stage.remove()
    counted("a reader polls meanwhile, HTTP", len(rounds))
