"""Names: which ones MLflow accepts, and how the name of a model becomes a file name (RULES R2)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

from mlflow_gitops.core.wording import or_list
from mlflow_gitops.core.yaml.characters import first_invisible
from mlflow_gitops.core.yaml.document import CONTROL, Document
from mlflow_gitops.core.yaml.problems import Problem

Kind = Literal["model", "prompt"]
"""What a manifest describes. Models and prompts share one table of names in MLflow."""

NATIVE_STAGES = ("Staging", "Production", "Archived")
"""MLflow's own stages except `None`, in the order in which a version passes through them."""

ACTIVE_STAGES = ("Staging", "Production")
"""The stages whose versions a manifest must list. Reconcile archives a version that is in one of
them and that no stage of the manifest lists."""

MAX_VERSION = 2**31 - 1
"""The largest version number: MLflow's databases store it as a 32-bit integer."""

RESERVED_TAG_PREFIXES = ("gitops.", "mlflow.")

_RESERVED_ALIAS = re.compile(r"latest\Z|v[0-9]+\Z", re.IGNORECASE)
_PROMPT_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")
_PROMPT_TAG_PREFIX = "_mlflow_"
_UNSAFE = re.compile(rb"[^A-Za-z0-9._ -]")


def file_stem(model: str) -> str:
    """The stem of a model's manifest file: the name with every byte outside `A-Z a-z 0-9 . _ -
    space`, and a leading dot, percent-encoded."""
    encoded = _UNSAFE.sub(
        lambda match: b"%%%02X" % match.group()[0], model.encode("utf-8", "surrogatepass")
    ).decode("ascii")
    return "%2E" + encoded[1:] if encoded.startswith(".") else encoded


def model_of(stem: str) -> str:
    """The name of the model whose manifest has this stem: the inverse of `file_stem`."""
    return unquote(stem)


def folded(name: str) -> str:
    """What a name has in common with all names that some registry or file system takes for it.

    MySQL and SQL Server, which MLflow may use, compare names without regard to case and to spaces
    at their end; file systems fold case, and macOS also composed and decomposed letters. This is
    Unicode's canonical caseless matching (Unicode 15, D145). Some of those databases also unify
    accents (`café`, `cafe`) or `ß` and `s`, and others do not: that shows when a model is created.
    """
    trimmed = name.rstrip(" ")
    if trimmed.isascii():  # a shortcut for nearly every name, with the same result
        return trimmed.lower()
    return normalize("NFD", normalize("NFD", trimmed).casefold())


def difference(name: str, twin: str) -> str:
    """How two names differ that `folded` takes for one."""
    trimmed, twin_trimmed = name.rstrip(" "), twin.rstrip(" ")
    if trimmed.lower() == twin_trimmed.lower():
        return "only in case" if trimmed != twin_trimmed else "only in spaces at the end"
    return "only in the form of its letters"


def name_fault(model: str, kind: Kind = "model") -> str | None:
    """Why MLflow or this tool refuses the name of a model or prompt; None if it is valid.

    The path rule is that of MLflow's `_validate_model_name` (3.17): a name must be a path that
    normalises to itself. The characters of a prompt's name are those of MLflow's
    `PROMPT_NAME_RULE` (3.4 to 3.17).
    """
    if not model.strip():
        return "the name is empty"
    if CONTROL.search(model) or "\n" in model or "\t" in model or "\r" in model:
        return "the name contains a control character"
    if first_invisible(model):
        return "the name contains an invisible character"
    if _unclean_path(model):
        return f"MLflow refuses the name {model!r}"
    if len(file_stem(model)) > 250:
        return "the name is too long for a file name"
    if kind == "prompt" and not _PROMPT_NAME.match(model):
        return "the name of a prompt may only have letters, digits, _ - and ."
    return None


def is_reserved_tag(key: str, kind: Kind = "model") -> bool:
    """Whether a tag is reserved for MLflow or for this tool, so that no manifest may declare it."""
    return key.startswith(RESERVED_TAG_PREFIXES) or (
        kind == "prompt" and key.startswith(_PROMPT_TAG_PREFIX)
    )


def tag_fault(key: str, kind: Kind = "model") -> str | None:
    """Why a manifest may not declare a tag of this name; None if it may."""
    if kind == "prompt" and key.startswith(_PROMPT_TAG_PREFIX):
        return f"tags that begin with {_PROMPT_TAG_PREFIX} are reserved for MLflow's prompts"
    if key.startswith(RESERVED_TAG_PREFIXES):
        return f"tags that begin with {or_list(RESERVED_TAG_PREFIXES)} are reserved for the tools"
    return f"MLflow refuses the tag name {key!r}" if _unclean_path(key) else None


def alias_reserved(alias: str) -> bool:
    """Whether MLflow reserves this alias: `latest` and `v<digits>`, in upper or lower case."""
    return bool(_RESERVED_ALIAS.match(alias))


def _unclean_path(name: str) -> bool:
    if "/" not in name:  # a shortcut for nearly every name, with the same result
        return name in ("", ".") or name.startswith("..")
    return posixpath.normpath(name) != name or name == "." or name.startswith(("..", "/"))


class FormerName(NamedTuple):
    """One former name, and where the manifest lists it: line and column."""

    name: str
    line: int
    column: int


def former_names_of(document: Document) -> tuple[FormerName, ...]:
    """The former names that a valid manifest lists."""
    return tuple(
        FormerName(name, *document.position(document.offset(("formerly", index))))
        for index, name in enumerate(document.root["formerly"])
    )


def former_name_problems(
    manifests: Iterable[tuple[str, Sequence[FormerName]]], stems: Collection[str]
) -> list[Problem]:
    """The former names that another manifest has or lists as well: a history belongs to one model.

    `manifests` are the path and the former names of each, `stems` those of all manifests.
    """
    listed: dict[str, list[tuple[str, FormerName]]] = {}
    for path, former_names in manifests:
        for former in former_names:
            listed.setdefault(former.name, []).append((path, former))

    problems = []
    for name, places in listed.items():
        is_in_use = file_stem(name) in stems
        for path, former in places:
            others = [other for other, _ in places if other != path]
            if is_in_use:
                message = f"{name!r} is in use: there is a manifest of that name"
            elif others:
                message = f"{name!r} is also a former name in {others[0]}"
            else:
                continue
            problems.append(Problem(path, former.line, former.column, "former-name", message))
    return problems
