"""A recipe as text, as JSON, and as the shell script that rebuilds the environment and starts the
training. Each value in the script is quoted, and none is part of a comment."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mlflow_gitops.core.observed.recipe import TrainingRecipe
from mlflow_gitops.render.terminal import json_document, safe


@dataclass(frozen=True, slots=True)
class RecipeOutput:
    """A recipe, and the folder that it was written to; None if it was only shown."""

    recipe: TrainingRecipe
    folder: str | None = None


def text(output: RecipeOutput) -> Iterator[str]:
    """What is known, then what is missing."""
    recipe = output.recipe
    yield safe(f"{recipe.model} {recipe.version}")
    for name, value in _facts(recipe):
        yield f"  {name:<12} {safe(value)}"
    for promotion in recipe.promotions:
        held = f"{promotion.stage} since {promotion.at}, by {promotion.commit[:12]}"
        yield f"  {'held':<12} {safe(held)} (receipt {safe(promotion.receipt[:12])})"
    yield "  missing" if recipe.missing else "  nothing is missing"
    for sentence in recipe.missing:
        yield f"    - {safe(sentence)}"
    if output.folder is not None:
        yield f"{safe(output.folder)}/reproduce.sh starts the training. Read it first."


def json(output: RecipeOutput) -> Iterator[str]:
    """One JSON document (DESIGN §5)."""
    return json_document(document(output))


def document(output: RecipeOutput) -> dict[str, Any]:
    """The fields of the JSON form."""
    recipe = output.recipe
    return {**asdict(recipe), "can_start": recipe.can_start, "folder": output.folder}


def _facts(recipe: TrainingRecipe) -> Iterator[tuple[str, str]]:
    yield "run", recipe.run_id or "—"
    yield "digest", recipe.digest or "—"
    where = "" if recipe.is_here else f" of {recipe.repository or 'another repository'}"
    yield "code", f"{recipe.code_commit}{where}" if recipe.code_commit else "—"
    yield "command", " ".join(_command(recipe)) or "—"
    yield "Python", recipe.python or "—"
    yield "requirements", str(len(recipe.requirements))
    for path, md5 in recipe.data.items():
        yield "data", f"{path} (md5 {md5})"
    for key, value in recipe.params.items():
        yield "parameter", f"{key} = {value}"
    for key, number in recipe.metrics.items():
        yield "metric", f"{key} = {number:g}"


def _command(recipe: TrainingRecipe) -> list[str]:
    if recipe.script is not None:
        return ["python", recipe.script]
    if recipe.entry_point is not None:
        params = [word for pair in recipe.params.items() for word in ("-P", "=".join(pair))]
        return ["mlflow", "run", ".", "--env-manager", "local", "-e", recipe.entry_point, *params]
    return []


def requirements(recipe: TrainingRecipe) -> str:
    """The requirements file."""
    return "".join(f"{name}=={version}\n" for name, version in recipe.requirements.items())


_START = """\
#!/usr/bin/env bash
# Rebuilds the environment of a model and starts its training. It runs the code of a commit and
# installs packages: read what they are. Run it in a folder of its own, where nothing is that it
# should not have.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"""
_CHECK_DATA = """\
check_data() {
  # DVC writes the MD5 beside the file (PATH.dvc), or into dvc.lock.
  grep --quiet --fixed-strings --no-messages -e "$2" -- "$1.dvc" dvc.lock || {
    printf 'The commit does not have the data %s with the MD5 %s\\n' "$1" "$2" >&2
    exit 1
  }
  dvc pull -- "$1"
}
"""


def script(recipe: TrainingRecipe, repository: str) -> str:
    """The script. `repository` is the clone that has the commit, if one has. A part that is not
    known ends it with a message, before anything is run."""
    lines = [_START]
    if not recipe.can_start:
        lines.append("echo 'The code or the command is not known: see missing.txt.' >&2\nexit 1")
    if recipe.code_commit is not None:
        source = repository if recipe.is_here else recipe.repository
        lines += [
            f'git clone --no-checkout -- {_quoted(source or "")} "$here/code"',
            f'git -C "$here/code" checkout --detach {_quoted(recipe.code_commit)} --',
        ]
    lines += [*_environment(recipe), 'cd "$here/code"']
    if recipe.data:
        lines.append(_CHECK_DATA)
        lines += [
            f"check_data {_quoted(path)} {_quoted(md5.removesuffix('.dir'))}"
            for path, md5 in recipe.data.items()
        ]
    command = _command(recipe)
    lines.append(" ".join(map(_quoted, command)) if command else "exit 1")
    return "\n".join(lines) + "\n"


def _environment(recipe: TrainingRecipe) -> Iterator[str]:
    version = recipe.python or "3"
    minor = ".".join(version.split(".")[:2])
    yield "if command -v uv >/dev/null; then"
    yield f'  uv venv --python {_quoted(version)} "$here/environment"'
    yield '  uv pip install --python "$here/environment" --requirement "$here/requirements.txt"'
    yield "else"
    yield f'  {_quoted("python" + minor)} -m venv "$here/environment"'
    yield '  "$here/environment/bin/python" -m pip install --requirement "$here/requirements.txt"'
    yield "fi"
    yield '. "$here/environment/bin/activate"'


def _quoted(word: str) -> str:
    """A word as bash reads it, and as nothing else. What a terminal would not show is written as
    escapes, so that who reads the script sees it."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
