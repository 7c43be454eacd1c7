"""The schemas as an editor uses them: by yaml-language-server itself, which most editors have, and
a file's first line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.console import npm
from tests.support.console.language_server import LanguageServer
from tests.support.team import Team

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("yaml-language-server")]

VERSION = "1.25.0"
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "tests/core/examples"
GOOD = sorted(EXAMPLES.glob("good/*/*.yaml"))
OURS = sorted((ROOT / "registry").rglob("*.yaml"))
_UNKNOWN = re.compile(r"^# expect (\d+):\d+ unknown-field$", re.MULTILINE)
MISSPELT = [
    file
    for file in sorted(EXAMPLES.glob("bad/*/*.yaml"))
    if _UNKNOWN.search(file.read_text(encoding="utf-8"))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as `init` leaves it."""
    team = Team(tmp_path_factory.mktemp("editor") / "repo", "http://127.0.0.1:9")
    ran = team.run("init", "--yes")
    assert ran.code == 0, ran.err
    return team.folder


@pytest.fixture(scope="module")
def editor(folder: Path) -> Iterator[LanguageServer]:
    server = npm.must_have("yaml-language-server", VERSION) / "bin/yaml-language-server"
    settings = {
        "yaml": {
            "schemaStore": {"enable": False},
            "validate": True,
            "hover": True,
            "completion": True,
        }
    }
    command = [str(npm.program("node")), str(server), "--stdio"]
    with LanguageServer(command, folder, settings) as running:
        yield running


def manifest(text: str) -> str:
    return f"# yaml-language-server: $schema=../../schemas/model.schema.json\n{text}"


def described(*steps: str, schema: str = "model") -> str:
    """The description of a field, by the steps that lead to it in the schema."""
    node: Any = json.loads((ROOT / f"schemas/{schema}.schema.json").read_text(encoding="utf-8"))
    for step in steps:
        node = node[step]
    return str(node["description"])


def shown(hover: str) -> str:
    """A hover's text without what Markdown escapes."""
    return re.sub(r"\\([^\w\s])", r"\1", hover)


def test_it_offers_the_fields(editor: LanguageServer, folder: Path) -> None:
    file = folder / "registry/models/churn.yaml"
    [missing] = editor.opened(file, manifest("name: churn\n\n"))
    assert missing["message"] == 'Missing property "stages".'
    offered = editor.completion(file, 2, 0)
    assert {"description", "owners", "tags", "stages", "aliases", "versions"} <= offered.keys()
    assert "name" not in offered, "it is there"
    assert offered["owners"]["documentation"] == described("properties", "owners")


def test_it_offers_what_lies_deeper(editor: LanguageServer, folder: Path) -> None:
    file = folder / "registry/models/deep.yaml"
    editor.opened(file, manifest("name: deep\nstages:\n  \nversions:\n  12:\n    \n"))
    assert {"Production", "Staging", "Archived"} <= editor.completion(file, 3, 2).keys()
    assert {"run_id", "source", "data", "tags"} <= editor.completion(file, 6, 4).keys()


def test_it_explains_what_the_mouse_is_on(editor: LanguageServer, folder: Path) -> None:
    file = folder / "registry/models/fraud.yaml"
    assert (
        editor.opened(file, manifest("name: fraud\nstages:\n  Production: 12\n  Canary: 14\n"))
        == []
    )
    assert described("properties", "stages") in shown(editor.hover(file, 2, 2))
    assert described("properties", "stages", "properties", "Production") in shown(
        editor.hover(file, 3, 5)
    )
    assert described("$defs", "holders") in shown(editor.hover(file, 4, 5)), (
        "a stage of the team's own"
    )
    assert "Example" in editor.hover(file, 1, 1)


def test_it_knows_the_policy_that_init_writes(editor: LanguageServer, folder: Path) -> None:
    file = folder / "registry/policy.yaml"
    text = file.read_text(encoding="utf-8")
    assert editor.opened(file, text) == []
    line = next(i for i, line in enumerate(text.splitlines()) if line.startswith("drift:"))
    assert described("$defs", "drift", schema="policy") in shown(editor.hover(file, line, 2))
    assert {"heal", "report"} <= editor.completion(file, line, len("drift: ")).keys()
    file = folder / "registry/other-policy.yaml"
    head = text.splitlines()[0]
    editor.opened(file, f"{head}\nstages:\n  Production:\n    \n")
    assert {"from", "soak", "approvals", "require", "protected"} <= editor.completion(
        file, 3, 4
    ).keys()


def test_an_error_stands_at_its_line(editor: LanguageServer, folder: Path) -> None:
    file = folder / "registry/models/wrong.yaml"
    told = editor.opened(
        file,
        manifest(
            "name: wrong\nstages: {Production: three}\nversions:\n  3: {sorce: x}\nowner: me\n"
        ),
    )
    assert [(one["range"]["start"]["line"], one["message"].partition(".")[0]) for one in told] == [
        (2, "Incorrect type"),
        (4, "Property sorce is not allowed"),
        (5, "Property owner is not allowed"),
    ]


@pytest.mark.parametrize(
    "example",
    [*GOOD, *OURS, EXAMPLES / "environments.yaml", EXAMPLES / "notify.yaml"],
    ids=lambda file: f"{file.parent.name}/{file.stem}",
)
def test_it_has_nothing_against_what_is_right(
    editor: LanguageServer, folder: Path, example: Path
) -> None:
    name = {"policies": "policy", "examples": "environments", "registry": "policy"}.get(
        example.parent.name, "model"
    )
    name = "notify" if example.stem == "notify" else name
    schema = ROOT / f"schemas/{name}.schema.json"
    text = example.read_text(encoding="utf-8")
    assert (
        editor.opened(
            folder / example.name, f"# yaml-language-server: $schema={schema.as_uri()}\n{text}"
        )
        == []
    )


@pytest.mark.parametrize("example", MISSPELT, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_it_marks_the_lines_that_validate_marks(
    editor: LanguageServer, folder: Path, example: Path
) -> None:
    """Unknown fields, of which a schema alone can tell; other codes have rules of the command's own
    among them."""
    text = example.read_text(encoding="utf-8")
    name = "policy" if example.parent.name == "policies" else "model"
    schema = folder / f"schemas/{name}.schema.json"
    told = editor.opened(
        folder / example.name, f"# yaml-language-server: $schema={schema.as_uri()}\n{text}"
    )
    expected = {int(line) for line in _UNKNOWN.findall(text)}
    assert expected <= {one["range"]["start"]["line"] for one in told}
