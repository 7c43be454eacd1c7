"""A server that refuses, breaks off, stalls, or does what it is asked and says nothing, at each request in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import ALL, Count, some
from tests.faults.forks import Ended, Forks
from tests.faults.http import PATIENCE, Behind
from tests.faults.scenes import BY_NAME, Stage
from tests.faults.state import State
from tests.faults.test_crash import undisturbed
from tests.support.proxy import LOSE_THE_ANSWER, RESET, TRUNCATE, Answer, Fault, Instead, Proxy, proxy
from tests.support.together import Shared

pytestmark = pytest.mark.xdist_group("faults over HTTP")

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
def place(scene: Callable[[str], Stage], forking: Forks, between: Proxy, http_server: Shared, room: Path) -> Place:
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


def undisturbed_requests(put: Place, name: str) -> int:
    behind = put(name)
    assert behind.run().code == BY_NAME[name].code
    return len(behind.between.requests)


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
    if not ended.out:
        assert ended.code == 1 and ended.err.startswith("error: "), ended
        return
    now, _ = behind.settled()
    for told in ended.json["models"]:
        name = told["model"]
        if told["result"] in ("applied", "unchanged"):
            mine = {key: value for key, value in now[name].items() if key != "tags"}
            assert mine == {key: value for key, value in target[name].items() if key != "tags"}, ended
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


@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_at_each_request(
    kind: str, place: Place, whole: Callable[[str], Any], counted: Count, request: pytest.FixtureRequest
) -> None:
    cases = [(name, i) for name in OVER for i in range(undisturbed_requests(place, name) if ALL else 40)]
    tried = 0
    for name, number in some(cases, kind):
        behind = place(name)
        made = registrations(behind)
        behind.between.fault = at(number, kind)
        ended = behind.run()
        if ended.code != 0:
            tells_the_truth(behind, ended, whole(name).after)
        if kind == "late":
            time.sleep(PATIENCE)
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


def test_killed_at_each_request(place: Place, whole: Callable[[str], Any], counted: Count) -> None:
    sides = ("before", "after")
    cases = [(n, i, s) for n in OVER for i in range(undisturbed_requests(place, n) if ALL else 20) for s in sides]
    tried = 0
    for name, number, side in some(cases, "killed", 2):
        behind = place(name)
        made = registrations(behind)
        assert behind.killed_at(number, side).killed
        assert behind.run("again").code == 0
        after, said = behind.settled()
        assert after == whole(name).after, (name, number, side)
        assert said == whole(name).told, (name, number, side)
        assert len(made) <= 2
        behind.stage.remove()
        tried += 1
    counted("killed at each HTTP request", tried, 2 * tried)
