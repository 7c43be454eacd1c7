"""Fill a Jinja template for each version that holds a stage.

Templates run in Jinja's sandbox: they can compute text, and reach neither files nor Python. What a
template asks for and nobody knows, such as a digest that is not pinned, is an error and no empty
text.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict
from functools import cache
from typing import Any

from mlflow_gitops.core.observed.resolved import Resolved
from mlflow_gitops.core.wording import shell_words
from mlflow_gitops.errors import Failure, UsageFailure

NAME_FIELDS = ("model", "stage", "environment")
"""What a file's name may be made of: with nothing else, the name stays while the version changes,
and files of models that left are found."""

_FILE_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,255}\Z")
_LONGEST_LABEL = 63
"""Characters of a DNS label (RFC 1123)."""

_MOST_BITS = 10_000
"""Bits of the largest power that a template computes: a larger one takes Python hours, and no
signal ends it."""


def slug(value: object) -> str:
    """A name as Kubernetes takes it (RFC 1123): lower case, digits and `-`, at most 63 characters.
    If more than the case has to be changed, a part of the name's digest is added, so that no two
    names become one (no two names differ only in case, RULES R2)."""
    text = str(value)
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if plain == text.lower() and len(plain) <= _LONGEST_LABEL:
        return plain
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[: _LONGEST_LABEL - 9].rstrip('-')}-{mark}".lstrip("-")


class FilledTemplate:
    """A template and the pattern of its files' names. Raises Failure for a text that Jinja refuses.

    `file` is the template's path, for people.
    """

    def __init__(self, file: str, text: str, name_pattern: str, environment: str | None) -> None:
        self._file = file
        self._environment = environment
        self._template = _compiled(text, file)
        self._name = _compiled(name_pattern, "--name")

    def fill(self, resolved: Resolved) -> str:
        """The text for one version."""
        fields = {**asdict(resolved), "environment": self._environment}
        variables = {name: value for name, value in fields.items() if value is not None}
        return _rendered(
            self._template, variables, self._file, f"{resolved.model} {resolved.version}"
        )

    def name(self, model: str, stage: str) -> str:
        """The name of the file for one model and stage."""
        fields = {"model": model, "stage": stage, "environment": self._environment}
        variables = {name: value for name, value in fields.items() if value is not None}
        name = _rendered(self._name, variables, "--name", f"{model} {stage}")
        if not _FILE_NAME.match(name) or name in (".", ".."):
            raise UsageFailure(f"--name gives {name!r}, which is no name of a file, for {model}.")
        return name


def default_pattern(file_name: str, *, has_environment: bool) -> str:
    """The pattern of names for a template: `fraud-detector-production.yaml` for `x.yaml.j2`."""
    stem = re.sub(r"\.(?:j2|jinja2?)\Z", "", file_name)
    ending = stem[stem.rindex(".") :] if "." in stem.strip(".") else ""
    first = "{{ environment | slug }}-" if has_environment else ""
    return first + "{{ model | slug }}-{{ stage | slug }}" + ending


@cache
def _sandbox() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset({"**"})

        def call_binop(self, context: Any, operator: str, base: Any, exponent: Any) -> Any:
            is_whole = isinstance(base, int) and isinstance(exponent, int)
            if is_whole and base.bit_length() * exponent > _MOST_BITS:
                raise OverflowError("a power is too large")
            return base**exponent

    environment = Sandbox(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["slug"] = slug
    return environment


def _compiled(text: str, file: str) -> Any:
    from jinja2 import TemplateSyntaxError

    try:
        return _sandbox().from_string(text)
    except TemplateSyntaxError as error:
        raise Failure(f"{file}:{error.lineno}: {error.message}") from None
    except Exception as error:  # constant expressions are computed here
        raise Failure(f"{file} cannot be compiled: {_reason(error)}.") from None


def _rendered(template: Any, fields: dict[str, Any], file: str, subject: str) -> str:
    try:
        return str(template.render(fields))
    except Exception as error:  # a template may raise whatever its expressions do
        reason = _reason(error)
        fix = ""
        if "'digest' is undefined" in reason or "'run_id' is undefined" in reason:
            model, _, version = subject.rpartition(" ")
            fix = f"Pin it: mlflow-gitops pin {shell_words(model, version)}"
        raise Failure(f"{file} cannot be filled for {subject}: {reason}.", fix=fix) from None


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
