"""MLflow's searches: the filters to send, and the returned entities as values of the core."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from sys import intern
from typing import Any
from urllib.parse import quote_plus

from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.observed.prompts import IS_PROMPT_TAG, prompt_words, user_tags
from mlflow_gitops.edges.mlflow.timestamps import timestamp_text
from mlflow_gitops.edges.system.unexpected import describe

_FILTER_LENGTH = 3_000
"""Bytes of names in one `IN (…)` filter, counted as MLflow's client sends them: percent-encoded, in
the request line. Servers limit that line (gunicorn: 4,094 bytes, nginx: 8 KiB); the rest is for the
address, the order and a page token. One name of 256 letters fits unless each takes four bytes."""

PROMPTS = f"tags.`{IS_PROMPT_TAG}` = 'true'"
"""The filter by which MLflow's searches return prompts and nothing else. Without it they return no
prompts (3.17)."""

MODELS = f"name != '/:{IS_PROMPT_TAG}'"
"""The filter by which searches return models and, on old servers, prompts.

MLflow's client appends its own filter `tag.… != 'true'` to each search whose filter does not hold
that tag's name (3.4 to 3.17). Servers before 2.21 compare it with the tags that models have, find
none, and return no model at all. This filter holds the name and leaves out a model that cannot
exist: newer servers refuse its name. Servers from 2.21 on still leave prompts out by themselves."""

_MODEL_SOURCE = re.compile(r"models:/(m-[A-Za-z0-9]+)\Z")


def assemble(models: Iterable[Any], versions: Iterable[Any]) -> dict[str, ObservedModel]:
    """Turn the entities of MLflow's client into models with their versions, by name.

    All models are taken before the first version. Each entity is turned as it comes, so that of a
    large registry only one page of entities is in memory, which take five times as much as what is
    kept of them.
    """
    return _assemble(models, versions, _model, _version)


def assemble_prompts(prompts: Iterable[Any], versions: Iterable[Any]) -> dict[str, ObservedModel]:
    """Turn the entities of MLflow's client into prompts with their versions, by name, as
    `assemble` does.

    Run, source and stage are left out: MLflow's functions for prompts have none (3.17).
    """
    return _assemble(prompts, versions, _prompt, _prompt_version)


def _assemble(
    models: Iterable[Any],
    versions: Iterable[Any],
    read_model: Callable[[Any], ObservedModel],
    read_version: Callable[[Any], ObservedVersion],
) -> dict[str, ObservedModel]:
    """Turn entities into models by name. What cannot be read is that one model's fault: stores hold
    what older versions of MLflow and other programs wrote into them."""
    faults: dict[str, str] = {}
    assembled: dict[str, ObservedModel] = {}
    for model in models:
        try:
            assembled[model.name] = read_model(model)
        except Exception as error:
            assembled[model.name] = ObservedModel(model.name)
            faults[model.name] = describe(error)

    by_model: dict[str, dict[int, ObservedVersion]] = {}
    for version in versions:
        try:
            observed = read_version(version)
        except Exception as error:
            fault = f"version {version.version}: {describe(error)}"
            faults.setdefault(version.name, fault)
        else:
            by_model.setdefault(version.name, {})[observed.number] = observed

    return {
        name: replace(model, versions=by_model.get(name, {}), fault=faults.get(name))
        for name, model in assembled.items()
    }


def _model(model: Any) -> ObservedModel:
    return ObservedModel(
        name=model.name,
        description=model.description or "",
        tags=_tags(model.tags),
        aliases={alias: int(number) for alias, number in model.aliases.items()},
        created=_registered(model),
    )


def _version(version: Any) -> ObservedVersion:
    return ObservedVersion(
        number=int(version.version),
        stage=intern((version.current_stage or "None").capitalize()),
        description=version.description or "",
        tags=_tags(version.tags),
        run_id=version.run_id or None,
        source=version.source or None,
        model_id=version.model_id or logged_model(version.source),
        status=intern(str(version.status or "READY")),
        created=timestamp_text(version.creation_timestamp),
    )


def _registered(model: Any) -> str | None:
    return timestamp_text(getattr(model, "creation_timestamp", None), "milliseconds")


def _tags(tags: Mapping[str, Any]) -> dict[str, str]:
    """Tags with text as values. Thousands of versions share a few names: one text for each name."""
    return {intern(str(key)): str(value) for key, value in tags.items()}


def _prompt(prompt: Any) -> ObservedModel:
    return ObservedModel(
        name=prompt.name,
        description=prompt.description or "",
        tags=user_tags(prompt.tags),
        aliases={alias: int(number) for alias, number in prompt.aliases.items()},
        is_prompt=True,
        created=_registered(prompt),
    )


def _prompt_version(version: Any) -> ObservedVersion:
    return ObservedVersion(
        number=int(version.version),
        description=version.description or "",
        tags=user_tags(version.tags),
        status=str(version.status or "READY"),
        created=timestamp_text(version.creation_timestamp),
        words=prompt_words(version.tags),
    )


def logged_model(source: str | None) -> str | None:
    """The id of the logged model that a source names; None if it names none.

    MLflow's SQL stores keep no model id beside a version's source, `models:/m-<id>` (3.17).
    """
    match = _MODEL_SOURCE.match(source or "")
    return match.group(1) if match else None


def quote(name: str) -> str:
    """A name as a filter holds it: in double quotes if it has a single quote (RULES R10)."""
    return f'"{name}"' if "'" in name else f"'{name}'"


def can_be_quoted(name: str) -> bool:
    """Whether a filter can hold a name. MLflow's filters have no escapes, so none can hold both
    kinds of quotes; nor a backslash at the end, which hides the quote behind it from MLflow's
    parser (3.17, sqlparse 0.5)."""
    return ("'" not in name or '"' not in name) and not name.endswith("\\")


def name_chunks(names: Collection[str]) -> Iterator[list[str]]:
    """Yield every name, sorted, in chunks whose filter fits into a request line.

    Names that no filter can hold are left out. One with a backslash is a chunk of its own: MLflow
    reads a list of names as Python does, with escapes, but a single name as it stands (3.17).
    """
    chunk: list[str] = []
    length = 0
    for name in sorted(names):
        if not can_be_quoted(name):
            continue
        if "\\" in name:
            yield [name]
            continue

        name_length = len(quote_plus(f"{quote(name)},", errors="replace"))
        if chunk and length + name_length > _FILTER_LENGTH:
            yield chunk
            chunk, length = [], 0
        chunk.append(name)
        length += name_length

    if chunk:
        yield chunk


def name_filter(names: Sequence[str]) -> str:
    """The filter `name IN (…)`; for a single name `name = …`, which MLflow before 3.17 accepts,
    too."""
    if len(names) == 1:
        return f"name = {quote(names[0])}"
    return f"name IN ({','.join(quote(name) for name in names)})"
