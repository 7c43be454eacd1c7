"""MLflow's searches: the filters to send, and the returned entities as values of the core."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.observed.prompts import IS_PROMPT_TAG, prompt_words, user_tags
from mlflow_gitops.edges.mlflow.recorded import timestamp_text

_FILTER_LENGTH = 4_000
"""Characters of names in one `IN (…)` filter. The client sends it in the URL."""

PROMPTS = f"tags.`{IS_PROMPT_TAG}` = 'true'"
"""The filter by which MLflow's searches return prompts and nothing else. Without it they return no
prompts (3.17)."""

_MODEL_SOURCE = re.compile(r"models:/(m-[A-Za-z0-9]+)\Z")


def assemble(models: list[Any], versions: list[Any]) -> dict[str, ObservedModel]:
    """Turn the entities of MLflow's client into models with their versions, by name."""
    by_model: dict[str, dict[int, ObservedVersion]] = {}
    for version in versions:
        number = int(version.version)
        by_model.setdefault(version.name, {})[number] = ObservedVersion(
            number=number,
            stage=(version.current_stage or "None").capitalize(),
            description=version.description or "",
            tags={key: str(value) for key, value in version.tags.items()},
            run_id=version.run_id or None,
            source=version.source or None,
            model_id=version.model_id or logged_model(version.source),
            status=str(version.status or "READY"),
            created=timestamp_text(version.creation_timestamp),
        )
    return {
        model.name: ObservedModel(
            name=model.name,
            description=model.description or "",
            tags={key: str(value) for key, value in model.tags.items()},
            aliases={alias: int(number) for alias, number in model.aliases.items()},
            versions=by_model.get(model.name, {}),
        )
        for model in models
    }


def assemble_prompts(prompts: list[Any], versions: list[Any]) -> dict[str, ObservedModel]:
    """Turn the entities of MLflow's client into prompts with their versions, by name.

    Run, source and stage are left out: MLflow's functions for prompts have none (3.17).
    """
    by_prompt: dict[str, dict[int, ObservedVersion]] = {}
    for version in versions:
        number = int(version.version)
        by_prompt.setdefault(version.name, {})[number] = ObservedVersion(
            number=number,
            description=version.description or "",
            tags=user_tags(version.tags),
            status=str(version.status or "READY"),
            created=timestamp_text(version.creation_timestamp),
            words=prompt_words(version.tags),
        )
    return {
        prompt.name: ObservedModel(
            name=prompt.name,
            description=prompt.description or "",
            tags=user_tags(prompt.tags),
            aliases={alias: int(number) for alias, number in prompt.aliases.items()},
            versions=by_prompt.get(prompt.name, {}),
            is_prompt=True,
        )
        for prompt in prompts
    }


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
    """Whether a filter can hold a name: MLflow's filters have no escapes, so none can hold both
    kinds of quotes."""
    return "'" not in name or '"' not in name


def name_filters(names: Collection[str]) -> Iterator[str]:
    """Filters `name IN (…)` that cover every name, in chunks that fit a URL.

    Names that no filter can hold are left out. A single name gives `name = …`, which MLflow before
    3.17 accepts, too.
    """
    chunk: list[str] = []
    length = 0
    for name in sorted(names):
        if not can_be_quoted(name):
            continue

        quoted = quote(name)
        if chunk and length + len(quoted) > _FILTER_LENGTH:
            yield f"name IN ({','.join(chunk)})"
            chunk, length = [], 0
        chunk.append(quoted)
        length += len(quoted) + 1

    if len(chunk) == 1:
        yield f"name = {chunk[0]}"
    elif chunk:
        yield f"name IN ({','.join(chunk)})"
