"""The codes that the program can print, read from its source: each place that makes a problem, a
refusal, a failure, a finding of `verify` or a check of `doctor` names its code as a literal, a
constant, or a parameter of that name."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mlflow_gitops.core.gates.table import GATE_NAMES
from mlflow_gitops.core.setup import doctor_workflows

PACKAGE = Path(__file__).parents[3] / "tools" / "mlflow_gitops"

PROBLEM_CALLS = {
    "Problem": 3, "add_problem_at": 0, "add_problem": 0, "_note": 0, "Fault": 1,
}  # fmt: skip
"""The functions that make a problem of a file, and which of their arguments is its code."""
CHECK_CALLS = {"ok": 0, "missing": 0, "unknown": 0, "_rule": 1, "_holds": 0}
"""Those that make a result of `doctor`, as methods of an area or as a function beside it."""

AREAS = {
    "GIT": "git",
    "HEALTH": "health",
    "POLICY": "policy",
    "NOTIFY": "notify",
    "WORKFLOWS": "workflows",
    "MLFLOW": "mlflow",
}
_CODE = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_KEBAB = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def constants() -> dict[str, str]:
    """The constants of modules that could be a code, by their names."""
    found: dict[str, str] = {}
    for tree in trees().values():
        for node in tree.body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
                and _CODE.fullmatch(node.value.value)
            ):
                found[node.targets[0].id] = node.value.value
    return found


def calls() -> Iterator[tuple[Path, ast.AST, ast.Call, str]]:
    """Each call: its file, the function around it, and the name of what is called."""
    for path, tree in trees().items():
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        around = {
            id(node): function for function in functions for node in ast.walk(function)
        }  # an inner function comes later
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                yield path, around.get(id(node), tree), node, name


def values(node: ast.AST | None, scope: ast.AST) -> set[str]:
    """The texts that an expression may have; of an f-string, what stands before its first value.
    Empty if it is a parameter: its callers name the code."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.IfExp):
        return values(node.body, scope) | values(node.orelse, scope)
    if isinstance(node, ast.JoinedStr):
        first = node.values[0]
        return {first.value.strip()} if isinstance(first, ast.Constant) else {"?"}
    if isinstance(node, ast.Attribute):
        return set()  # `failure.code`: another failure's
    if isinstance(node, ast.Name):
        if node.id in constants():
            return {constants()[node.id]}
        assigned = [
            value
            for statement in ast.walk(scope)
            if isinstance(statement, ast.Assign)
            and getattr(statement.targets[0], "id", "") == node.id
            for value in values(statement.value, scope)
        ]
        return set(assigned)
    return {f"?{ast.unparse(node)}"} if node is not None else set()


def argument(call: ast.Call, position: int, keyword: str) -> ast.AST | None:
    for given in call.keywords:
        if given.arg == keyword:
            return given.value
    return call.args[position] if 0 <= position < len(call.args) else None


@cache
def printed_codes() -> dict[str, set[str]]:
    """The codes of each kind; checks with their area (`git depth`)."""
    codes: dict[str, set[str]] = defaultdict(set)
    codes["gate"] = set(GATE_NAMES)
    codes["error"] = {"interrupted"}
    for _, scope, call, name in calls():
        if name in PROBLEM_CALLS:
            codes["file"] |= values(argument(call, PROBLEM_CALLS[name], "code"), scope)
        elif name == "Refusal":
            codes["refusal"] |= values(argument(call, 0, "code"), scope)
        elif name == "Unexplained":
            first = values(argument(call, 1, "field"), scope)
            codes["finding"] |= {text.split()[0] for text in first if text[:1] != "?"}
        elif name.endswith("Failure") or name == "Refused":
            codes["error"] |= values(argument(call, -1, "code"), scope)
    codes["file"] |= {text for text in _yielded() if text}
    codes["error"] |= set(_of_classes())
    codes["finding"] |= _finding_fields()
    codes["check"] = set(_checks())
    return {kind: {code for code in found if code} for kind, found in codes.items()}


def _yielded() -> Iterator[str]:
    """The checks of the policy yield a path, a code and a message."""
    for path in ("core/manifests/policy_file.py", "core/manifests/snapshot.py"):
        tree = trees()[PACKAGE / path]
        for node in ast.walk(tree):
            if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
                for element in node.value.elts[:2]:
                    if isinstance(element, ast.Constant) and _KEBAB.fullmatch(str(element.value)):
                        yield str(element.value)


def _of_classes() -> Iterator[str]:
    for tree in trees().values():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef):
                continue
            bases = {getattr(base, "id", "") for base in node.bases}
            if any(name.endswith(("Failure", "Refused")) for name in (node.name, *bases)):
                yield from _class_code(node)


def _class_code(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "code":
            yield from values(statement.value, node)


def _finding_fields() -> set[str]:
    """The tables and functions that findings take their field from."""
    from mlflow_gitops.app.audit.record.receipt_findings import _FIELDS
    from mlflow_gitops.core.audit.verifying.verification import _SUBJECTS

    return {*_FIELDS.values(), *_SUBJECTS.values(), "alias", "stage", "version"}


def _checks() -> Iterator[str]:
    for path, scope, call, name in calls():
        area = AREAS.get(getattr(getattr(call.func, "value", None), "id", ""), "")
        if "edges/github" in path.as_posix():
            area = "github"
        elif name == "_holds" and path.stem == "doctor_workflows":
            area = "workflows"
        if name == "CheckResult" and path.parent.name == "commands":
            yield "github access"
        elif name in CHECK_CALLS and area:
            for text in values(argument(call, CHECK_CALLS[name], "check"), scope) - {"?"}:
                yield f"{area} {text}"
    # These names are made of what the checks go through.
    for command in ("validate", "plan", "reconcile"):
        yield f"workflows {command}"
    for command in doctor_workflows._WITH_CREDENTIALS:
        yield f"workflows {command}-environment"
    for rule in ("force-push", "deletion"):
        yield f"github receipts {rule}"
