"""Good and bad manifests and policies, collected from `examples/`: each bad one says what it must
raise, and where.

Every code that the checks can raise is raised by an example here.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

import mlflow_gitops.core as core
from mlflow_gitops.core.gates.table import GATE_NAMES, built_in_gate
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import LINK, SourceFile, build
from mlflow_gitops.core.yaml.document import MAX_BYTES
from mlflow_gitops.core.yaml.problems import Problem
from mlflow_gitops.core.yaml.schema_check import schema_copy_problems, schema_text
from tests.support.core.example_files import BAD, GOOD, check_example, example_name

_EXPECT = re.compile(r"^# expect (\d+):(\d+) ([a-z0-9-]+)$", re.MULTILINE)

Found = tuple[int, int, str]


def found(problems: Iterable[Problem]) -> list[Found]:
    return [(problem.line, problem.column, problem.code) for problem in problems]


@pytest.mark.parametrize("example", GOOD, ids=example_name)
def test_good(example: Path) -> None:
    snapshot = check_example(example)
    assert snapshot.problems == []
    assert snapshot.count == len(snapshot.manifests) == (example.parent.name == "models")


@pytest.mark.parametrize("example", GOOD, ids=example_name)
def test_an_editor_says_the_same(example: Path) -> None:
    """An editor checks with the plain schema and a plain YAML reader, which must not complain of
    what is right."""
    schema = "model" if example.parent.name == "models" else "policy"
    value = json.loads(json.dumps(yaml.safe_load(example.read_text(encoding="utf-8"))))
    assert list(Draft202012Validator(json.loads(schema_text(schema))).iter_errors(value)) == []


@pytest.mark.parametrize("example", BAD, ids=example_name)
def test_bad(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    expected = [(int(line), int(column), code) for line, column, code in _EXPECT.findall(text)]
    assert expected, "an example says what it must raise"
    snapshot = check_example(example)
    assert found(snapshot.problems) == sorted(expected)
    assert snapshot.errors and not snapshot.manifests


# -- what a text file in git cannot hold -----------------------------------------------------------

M = "registry/models/m.yaml"
P = "registry/policy.yaml"
HEAD = b"name: m\nstages: {}\n"
CANARY = b"stages: {Canary: {alias: canary, native: false}}\n"

Expected = dict[str, list[Found]]

TABLE: dict[str, tuple[Mapping[str, bytes | None], Expected]] = {
    "empty": ({M: b""}, {M: [(1, 1, "empty-file")]}),
    "too large": ({M: HEAD + b"#" * MAX_BYTES}, {M: [(1, 1, "too-large")]}),
    "as large as may be": ({M: HEAD + b"#" * (MAX_BYTES - len(HEAD))}, {}),
    "Latin-1": ({M: b"name: m\r\nstages: {}\r\ndescription: f\xfcr\n"}, {M: [(3, 15, "not-utf8")]}),
    "UTF-16": ({M: "name: m\n".encode("utf-16")}, {M: [(1, 1, "not-utf8")]}),
    "cut off in a character": ({M: HEAD + "# ü".encode()[:-1]}, {M: [(3, 3, "not-utf8")]}),
    "surrogates": ({M: HEAD + b"# \xed\xa0\x80"}, {M: [(3, 3, "not-utf8")]}),
    "a byte order mark": ({M: b"\xef\xbb\xbf" + HEAD}, {}),
    "a byte order mark, then wrong": (
        {M: b"\xef\xbb\xbfnaem: m\nstages: {}\n"},
        {M: [(1, 1, "missing-field"), (1, 1, "unknown-field")]},
    ),
    "a byte order mark inside": ({M: HEAD + b"# \xef\xbb\xbf"}, {M: [(3, 3, "control-character")]}),
    "CR LF": (
        {
            M: b"name: m\r\ndescription: |\r\n  a\r\n  b\r\n"
            b"stages:\r\n  Production: x\r\n  Staging: [1,\r\n    y]\r\n"
        },
        {M: [(6, 15, "wrong-type"), (8, 5, "ambiguous-scalar")]},
    ),
    "CR alone": (
        {M: b"name: m\rdescription: >\r  a\r  b\rstages:\r  Production: x\r"},
        {M: [(6, 15, "wrong-type")]},
    ),
    "controls": (
        {M: "name: m\nstages: {} # \x1b[31m \u202e \x85 \u2028\ntags: {a: 1, b: \x00}\n".encode()},
        {
            M: [
                *[(2, column, "control-character") for column in (14, 20, 22, 24)],
                (3, 11, "wrong-type"),
                (3, 17, "control-character"),
            ]
        },
    ),
    "a whole file of controls": (
        {M: HEAD + b"# " + b"\x00" * 1000},
        {M: [(3, column, "control-character") for column in range(3, 23)]},
    ),
    "one wrong value many times": (
        {M: b"name: m\nstages: {Staging: [" + b"x," * 200_000 + b"]}\n"},
        {
            M: [
                *[(2, column, "wrong-type") for column in range(20, 220, 2)],
                (3, 1, "more-problems"),
            ]
        },
    ),
    "one version many times": (
        {M: b"name: m\nstages: {Staging: [" + b"1," * 200_000 + b"]}\n"},
        {
            M: [
                *[(2, column, "version-twice") for column in range(22, 222, 2)],
                (3, 1, "more-problems"),
            ]
        },
    ),
    "a link": ({M: None}, {M: [(1, 1, "not-a-file")]}),
    "a policy that is a link": (
        {M: b"name: m\nstages: {Canary: 1}\n", P: None},
        {P: [(1, 1, "not-a-file")]},
    ),
    "another ending": (
        {"registry/models/m.yml": HEAD, "registry/models/n.YAML": HEAD},
        {
            "registry/models/m.yml": [(1, 1, "file-extension")],
            "registry/models/n.YAML": [(1, 1, "file-extension")],
        },
    ),
    "a policy of another ending judges nobody": (
        {"registry/policy.yml": CANARY, M: b"name: m\nstages: {Canary: 1}\n"},
        {"registry/policy.yml": [(1, 1, "file-extension")]},
    ),
    "a policy in other letters judges nobody": (
        {"registry/Policy.yaml": CANARY, M: b"name: m\nstages: {Canary: 1}\n"},
        {"registry/Policy.yaml": [(1, 1, "file-extension")]},
    ),
    "out of place": (
        {"registry/m.yaml": HEAD, "registry/old/n.yml": HEAD},
        {
            "registry/m.yaml": [(1, 1, "misplaced-file")],
            "registry/old/n.yml": [(1, 1, "misplaced-file")],
        },
    ),
    "other files": ({"registry/README.md": b"\xff", "registry/models/notes.txt": b"\x00"}, {}),
    "two of one name": (
        {M: HEAD, "registry/models/a/m.yaml": HEAD},
        {
            M: [(1, 1, "duplicate-model")],
            "registry/models/a/m.yaml": [(1, 1, "duplicate-model")],
        },
    ),
    "two but for case, and one of the same": (
        {
            M: HEAD,
            "registry/models/M.yaml": b"name: M\nstages: {}\n",
            "registry/models/z/m.yaml": HEAD,
        },
        {
            M: [(1, 1, "case-clash"), (1, 1, "duplicate-model")],
            "registry/models/M.yaml": [(1, 1, "case-clash")],
            "registry/models/z/m.yaml": [(1, 1, "case-clash"), (1, 1, "duplicate-model")],
        },
    ),
    "grouped in folders": (
        {M: HEAD, "registry/models/nlp/de/other.yaml": b"name: other\nstages: {}\n"},
        {},
    ),
    "exceptions that clash where they meet": (
        {
            P: b"stages: {Canary: {alias: c, native: false}}\nmodels:\n"
            b"  - {match: 'm*', stages: {Staging: {alias: s}}}\n"
            b"  - {match: '*', stages: {Canary: {alias: S}}}\n",
            M: HEAD,
        },
        {P: [(1, 1, "alias-clash")]},
    ),
    "stages that are one alias in a prompt": (
        {
            P: b"stages: {Canary: {alias: staging, native: false}}\n",
            M: HEAD,
            "registry/models/greet.yaml": b"name: greet\nkind: prompt\nstages: {}\n",
            "registry/models/hello.yaml": b"name: hello\nkind: prompt\nstages: {}\n",
        },
        {P: [(1, 1, "alias-clash")]},
    ),
    "what the policy says of a stage": (
        {
            P: b"stages: {Production: {alias: null}}\n",
            M: b"name: m\nstages: {Production: [1, 2], Canary: 3}\n",
        },
        {M: [(2, 30, "stage-unknown")]},
    ),
    "an invalid policy judges nobody": (
        {P: b"drift: no\n", M: b"name: m\nstages: {Canary: 3, Staging: x}\n"},
        {P: [(1, 8, "ambiguous-scalar")], M: [(2, 30, "wrong-type")]},
    ),
    "a name that is missing, under an exception for it": (
        {
            P: CANARY + b"models: [{match: m, stages: {Canary: null}}]\n",
            M: b"stages: {Canary: 3}\n",
        },
        {M: [(1, 1, "missing-field"), (1, 10, "stage-unknown")]},
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_registry(case: str) -> None:
    contents, expected = TABLE[case]
    files = [
        SourceFile(path, data, None if data is not None else LINK)
        for path, data in contents.items()
    ]
    snapshot = build(files, RegistryFolder("registry"))
    by_file: Expected = {}
    for problem in snapshot.problems:
        by_file.setdefault(problem.file, []).append((problem.line, problem.column, problem.code))
    assert by_file == expected
    shuffled = build(reversed(files), RegistryFolder("registry"))
    assert (shuffled.problems, shuffled.digest) == (snapshot.problems, snapshot.digest)
    faulty = {problem.file for problem in snapshot.errors}
    assert {manifest.file for manifest in snapshot.manifests.values()}.isdisjoint(faulty)


COPIES = {
    "schemas/model.schema.json": schema_text("model").replace("\n", "\r\n").encode(),
    "schemas/policy.schema.json": schema_text("policy").replace("protected", "guarded").encode(),
}


def test_a_schema_copy_that_differs() -> None:
    [problem] = schema_copy_problems(COPIES)
    assert (problem.file, problem.code, problem.severity) == (
        "schemas/policy.schema.json", "schema-copy-differs", "warning",
    )  # fmt: skip


# -- nothing is left out ---------------------------------------------------------------------------

GATE_MODULES = tuple(
    built_in_gate(name).ask.__module__.removeprefix("mlflow_gitops.core.").replace(".", "/")
    for name in GATE_NAMES
)
# The modules that check files; a code is any hyphenated word in them that is not one of these.
CHECKING = (
    "yaml/document", "yaml/characters", "yaml/event_parse", "yaml/scalars", "yaml/schema_check",
    "manifests/names",
    "manifests/manifest_checks", "manifests/policy",
    "manifests/policy_file",
    "manifests/snapshot", *GATE_MODULES, "gates/stage_gates",
)  # fmt: skip
NO_CODES = {"utf-8", "utf-8-sig"}
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+\Z")


def codes_in_the_source() -> Iterator[str]:
    folder = Path(next(iter(core.__path__)))
    for module in CHECKING:
        for node in ast.walk(ast.parse((folder / f"{module}.py").read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and _CODE.match(node.value)
            ):
                yield node.value


def test_every_code_has_an_example() -> None:
    raised = {
        code
        for example in BAD
        for _, _, code in _EXPECT.findall(example.read_text(encoding="utf-8"))
    }
    raised |= {
        code
        for _, expected in TABLE.values()
        for found in expected.values()
        for _, _, code in found
    }
    raised |= {problem.code for problem in schema_copy_problems(COPIES)}
    assert raised == set(codes_in_the_source()) - NO_CODES
