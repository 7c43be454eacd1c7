"""No code decides by reading its own messages: what a program needs to know is a field of the
failure, the refusal, the verdict or the problem.

The test follows two kinds of text through the syntax trees of the package: the text of a failure
that was caught or handed over, and the fields that hold sentences for people. Neither may be
compared, searched or taken apart.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlflow_gitops

PACKAGE = Path(mlflow_gitops.__file__).parent

FAILURES = {
    "Failure",
    "GitFailure",
    "RegistryFailure",
    "GitHubFailure",
    "InvalidFiles",
    "Refused",
    "StalePlan",
    "UsageFailure",
    "Unreadable",
}
SENTENCES = {"detail", "way_out", "fix", "fault", "error", "reason"}
"""Fields that hold text for people, whatever object they belong to."""
TEXT_OF_A_FAILURE = {"message", "fix", "args"}

TAKES_APART = {
    "count", "endswith", "find", "index", "partition", "removeprefix", "removesuffix", "rfind",
    "rpartition", "rsplit", "split", "splitlines", "startswith",
}  # fmt: skip
SEARCHES = {"findall", "finditer", "fullmatch", "match", "search", "split", "sub"}


class Reader(ast.NodeVisitor):
    """Finds the places in one function where a message is read. `texts` are the names that hold a
    message, `failures` those that hold a failure."""

    def __init__(self, function: ast.AST) -> None:
        self.failures: set[str] = set()
        self.texts: set[str] = set()
        self.places: list[int] = []
        self._function = function
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for argument in (*function.args.args, *function.args.kwonlyargs):
                if argument.annotation is not None and _names(argument.annotation) & FAILURES:
                    self.failures.add(argument.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node is self._function:
            self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name and node.type is not None and _names(node.type) & FAILURES:
            self.failures.add(node.name)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if self._is_text(node.value):
            for target in node.targets:
                self.texts |= _names(target)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        by_value = any(not isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops)
        if by_value and any(self._is_text(side) for side in sides):
            self.places.append(node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            taken_apart = node.func.attr in TAKES_APART and self._is_text(node.func.value)
            searched = node.func.attr in SEARCHES and any(map(self._is_text, node.args))
            if taken_apart or searched:
                self.places.append(node.lineno)
        self.generic_visit(node)

    def _is_text(self, node: ast.AST) -> bool:
        match node:
            case ast.Name(id=name):
                return name in self.texts
            case ast.Attribute(attr=field) if field in SENTENCES:
                return True
            case ast.Attribute(value=ast.Name(id=name), attr=field):
                return name in self.failures and field in TEXT_OF_A_FAILURE
            case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=name)]):
                return name in self.failures
            case ast.JoinedStr(values=parts):
                return any(
                    isinstance(part, ast.FormattedValue)
                    and (self._is_text(part.value) or bool(_names(part.value) & self.failures))
                    for part in parts
                )
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._is_text(left) or self._is_text(right)
            case ast.BoolOp(values=values):
                return any(map(self._is_text, values))
        return False


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def message_readers(source: str) -> Iterator[tuple[str, int]]:
    """The function and the line of each place that reads a message."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            reader = Reader(node)
            reader.visit(node)
            yield from ((node.name, line) for line in reader.places)


def test_nothing_in_the_package_reads_a_message() -> None:
    found = [
        f"{file.relative_to(PACKAGE).as_posix()}:{line} {function}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for function, line in message_readers(file.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "body",
    [
        "try: f()\n    except GitFailure as e:\n        return 'dubious' in str(e)",
        "try: f()\n    except (OSError, RegistryFailure) as e:\n        return e.message == 'x'",
        "try: f()\n    except Failure as e:\n        text = f'{e}'\n        return 'x' in text",
        "try: f()\n    except Unreadable as e:\n        return str(e).partition('. ')",
        "return refusal.detail.startswith('version')",
        "return PATTERN.match(refusal.detail)",
        "return re.search('x', verdict.detail or '')",
        "return finding.fix != ''",
        "return str(failure).split()",
    ],
)
def test_the_reader_sees(body: str) -> None:
    source = f"def decide(refusal, failure: Failure):\n    {body}\n"
    assert [name for name, _ in message_readers(source)] == ["decide"]


@pytest.mark.parametrize(
    "body",
    [
        "try: f()\n    except GitFailure as e:\n        raise Failure(f'It failed: {e}') from None",
        "try: f()\n    except RegistryFailure as e:\n        return e.code == 'x' or e.transient",
        "try: f()\n    except OSError as e:\n        return 'locked' in str(e)",
        "return print(refusal.detail, refusal.way_out)",
        "return refusal.detail is None",
        "return refusal.code == 'pin'",
    ],
)
def test_the_reader_lets_pass(body: str) -> None:
    source = f"def decide(refusal, failure: Failure):\n    {body}\n"
    assert list(message_readers(source)) == []
