"""Names: which ones MLflow takes, and how a model's name becomes a file's (RULES R2)."""

from __future__ import annotations

import posixpath
import re
from typing import Literal
from urllib.parse import unquote

from mlflow_gitops.core.wording import or_list
from mlflow_gitops.core.yaml.document import CONTROL

Kind = Literal["model", "prompt"]
"""What a manifest is of. Both kinds share MLflow's table of names."""

NATIVE_STAGES = ("Staging", "Production", "Archived")
"""MLflow's own stages beside `None`, in the order a version climbs and leaves."""

ACTIVE_STAGES = ("Staging", "Production")
"""The stages whose holders must be named; a version in one of them that no stage names is archived."""

RESERVED_TAG_PREFIXES = ("gitops.", "mlflow.")

_RESERVED_ALIAS = re.compile(r"latest\Z|v[0-9]+\Z", re.IGNORECASE)
_PROMPT_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")
_PROMPT_TAG_PREFIX = "_mlflow_"
_UNSAFE = re.compile(rb"[^A-Za-z0-9._ -]")


def file_stem(model: str) -> str:
    """The stem of a model's manifest file: every byte outside `A-Z a-z 0-9 . _ - space`, and a
    leading dot, percent-encoded."""
    encoded = _UNSAFE.sub(
        lambda found: b"%%%02X" % found.group()[0], model.encode("utf-8", "surrogatepass")
    ).decode("ascii")
    return "%2E" + encoded[1:] if encoded.startswith(".") else encoded


def model_of(stem: str) -> str:
    """The model whose manifest has this stem: the inverse of `file_stem`."""
    return unquote(stem)


def name_fault(model: str, kind: Kind = "model") -> str | None:
    """Why MLflow or this tool refuses a model's or a prompt's name; None if it is fine.

    The path rule is MLflow's `_validate_model_name` (3.17): a name must be a path that normalises
    to itself. A prompt's characters are those of its `PROMPT_NAME_RULE` (3.4 to 3.17).
    """
    if not model.strip():
        return "the name is empty"
    if CONTROL.search(model) or "\n" in model or "\t" in model or "\r" in model:
        return "the name has a control character in it"
    if _unclean_path(model):
        return f"MLflow refuses the name {model!r}"
    if len(file_stem(model)) > 250:
        return "the name is too long to be a file's name"
    if kind == "prompt" and not _PROMPT_NAME.match(model):
        return "MLflow takes letters, digits, _ - and . alone in a prompt's name"
    return None


def is_reserved_tag(key: str, kind: Kind = "model") -> bool:
    """Whether a tag belongs to MLflow or to this tool, so that no manifest may declare it."""
    return key.startswith(RESERVED_TAG_PREFIXES) or (
        kind == "prompt" and key.startswith(_PROMPT_TAG_PREFIX)
    )


def tag_fault(key: str, kind: Kind = "model") -> str | None:
    """Why a declared tag's name is refused; None if it is fine."""
    if kind == "prompt" and key.startswith(_PROMPT_TAG_PREFIX):
        return f"tags beginning {_PROMPT_TAG_PREFIX} belong to MLflow's prompts, not to a manifest"
    if key.startswith(RESERVED_TAG_PREFIXES):
        return (
            f"tags beginning {or_list(RESERVED_TAG_PREFIXES)} belong to the tools, not to a"
            " manifest"
        )
    return f"MLflow refuses the tag name {key!r}" if _unclean_path(key) else None


def alias_reserved(alias: str) -> bool:
    """Whether MLflow keeps this alias for itself: `latest` and `v<digits>`, in any case."""
    return bool(_RESERVED_ALIAS.match(alias))


def _unclean_path(name: str) -> bool:
    if "/" not in name:  # nearly every name: what is below comes to this
        return name in ("", ".") or name.startswith("..")
    return posixpath.normpath(name) != name or name == "." or name.startswith(("..", "/"))
