"""MLflow's listings: the filters that ask for them, and what they give as values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.core.observed.prompts import IS_PROMPT_TAG, peoples, words
from mlflow_gitops.edges.mlflow.recorded import moment

_FILTER_LENGTH = 4_000
"""Characters of names in one `IN (…)` filter; it travels in a URL."""

PROMPTS = f"tags.`{IS_PROMPT_TAG}` = 'true'"
"""The filter by which MLflow's searches show prompts, and prompts alone. Without it they show none."""

_MODEL_SOURCE = re.compile(r"models:/(m-[A-Za-z0-9]+)\Z")


def assemble(models: list[Any], versions: list[Any]) -> dict[str, ObservedModel]:
    """Models with their versions, normalised, from the entities of MLflow's client."""
    by_model: dict[str, dict[int, ObservedVersion]] = {}
    for found in versions:
        number = int(found.version)
        by_model.setdefault(found.name, {})[number] = ObservedVersion(
            number=number,
            stage=(found.current_stage or "None").capitalize(),
            description=found.description or "",
            tags={key: str(value) for key, value in found.tags.items()},
            run_id=found.run_id or None,
            source=found.source or None,
            model_id=found.model_id or logged_model(found.source),
            status=str(found.status or "READY"),
            created=moment(found.creation_timestamp),
        )
    return {
        model.name: ObservedModel(
            name=model.name,
            description=model.description or "",
            tags={key: str(value) for key, value in model.tags.items()},
            aliases={alias: int(version) for alias, version in model.aliases.items()},
            versions=by_model.get(model.name, {}),
        )
        for model in models
    }


def assemble_prompts(prompts: list[Any], versions: list[Any]) -> dict[str, ObservedModel]:
    """Prompts with their versions. Neither run, source nor stage is any: MLflow's functions for
    prompts know none (3.17)."""
    by_prompt: dict[str, dict[int, ObservedVersion]] = {}
    for found in versions:
        number = int(found.version)
        by_prompt.setdefault(found.name, {})[number] = ObservedVersion(
            number=number,
            description=found.description or "",
            tags=peoples(found.tags),
            status=str(found.status or "READY"),
            created=moment(found.creation_timestamp),
            words=words(found.tags),
        )
    return {
        prompt.name: ObservedModel(
            name=prompt.name,
            description=prompt.description or "",
            tags=peoples(prompt.tags),
            aliases={alias: int(version) for alias, version in prompt.aliases.items()},
            versions=by_prompt.get(prompt.name, {}),
            is_prompt=True,
        )
        for prompt in prompts
    }


def logged_model(source: str | None) -> str | None:
    """The logged model that a source names, if it does."""
    # MLflow's SQL stores keep no model id beside a version's source, `models:/m-<id>` (3.17).
    found = _MODEL_SOURCE.match(source or "")
    return found.group(1) if found else None


def quoted(name: str) -> str:
    """A name as a filter has it; one with a single quote goes in double ones (RULES R10)."""
    return f'"{name}"' if "'" in name else f"'{name}'"


def quotable(name: str) -> bool:
    """Whether a filter can hold a name at all."""
    return "'" not in name or '"' not in name


def filters(names: Collection[str]) -> Iterator[str]:
    """Filters that name every model: `name IN (…)`, in chunks. A name with a quote goes in double
    quotes; one with both kinds cannot be written in MLflow's filters and is read by itself."""
    chunk: list[str] = []
    length = 0
    for name in sorted(names):
        if not quotable(name):
            continue
        word = quoted(name)
        if chunk and length + len(word) > _FILTER_LENGTH:
            yield f"name IN ({','.join(chunk)})"
            chunk, length = [], 0
        chunk.append(word)
        length += len(word) + 1
    if len(chunk) == 1:  # also where MLflow knows no lists yet
        yield f"name = {chunk[0]}"
    elif chunk:
        yield f"name IN ({','.join(chunk)})"
