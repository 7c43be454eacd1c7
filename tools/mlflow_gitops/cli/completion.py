"""What a shell asks while somebody types. Offline and quick: the answers come from the working tree
(`completing`)."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import typer

from mlflow_gitops.settings import Settings

Offer = tuple[str, str]
"""A word, and a remark on it that zsh and fish show beside."""


@contextmanager
def answering() -> Iterator[None]:
    """Within this, a shell that asks gets its answer in a form that it can use. Where none asks,
    nothing is different.

    The scripts that Typer writes for shells ask by a variable; Typer answers, and ends the process.
    """
    asked = os.environ.get("_MLFLOW_GITOPS_COMPLETE", "")
    if asked.startswith("complete_"):
        # Typer (0.25) loads rich, which takes longer than all the rest, to rid help texts of a
        # markup that ours do not have.
        sys.modules["rich"] = None  # type: ignore[assignment]
    if asked != "complete_bash":
        yield
        return
    # zsh and fish quote a word that needs it. bash puts it on the line as it is, so that a space
    # takes a backslash, unless the person has begun a quote.
    answer = io.StringIO()
    try:
        with redirect_stdout(answer):
            yield
    finally:
        word = os.environ.get("COMP_WORDS", "").rpartition("\n")[2]
        space = " " if word.startswith(("'", '"')) else "\\ "
        print(answer.getvalue().replace(" ", space), end="")


def environments(context: typer.Context) -> list[Offer]:
    """The environments that the repository keeps."""
    from mlflow_gitops.cli import candidates

    return _quietly(lambda: candidates.environments(_settings(context)))


def models(context: typer.Context) -> list[Offer]:
    """The models that have a manifest, without those that the command line names already."""
    from mlflow_gitops.cli import candidates

    named = context.params.get("models") or ()
    return [
        offer
        for offer in _quietly(lambda: candidates.models(_settings(context)))
        if offer[0] not in named
    ]


def versions(context: typer.Context) -> list[Offer]:
    """The versions that the model's manifest speaks of."""
    from mlflow_gitops.cli import candidates

    model = _model(context)
    return _quietly(lambda: candidates.versions(_settings(context), model)) if model else []


def stages(context: typer.Context) -> list[Offer]:
    """The policy's stages, for the model where there is one."""
    from mlflow_gitops.cli import candidates

    return _quietly(lambda: candidates.stages(_settings(context), _model(context)))


def holders(context: typer.Context) -> list[Offer]:
    """The model's versions, and the stages and aliases that stand for one."""
    from mlflow_gitops.cli import candidates

    model = _model(context)
    return _quietly(lambda: candidates.holders(_settings(context), model)) if model else []


def _model(context: typer.Context) -> str | None:
    # Where an option waits for its value, click has read the command line up to there and given it
    # no names yet.
    model = context.params.get("model") or next(iter(context.args), None)
    return str(model) if model else None


def _settings(context: typer.Context) -> Settings:
    """The global options before the command, whose own function is not called while somebody types."""
    given = context.find_root().params
    repo = given.get("repo")
    return Settings(
        Path(repo) if repo else None,
        given.get("registry_dir") or "registry",
        environment=given.get("environment") or None,
    )


def _quietly(offer: Callable[[], list[Offer]]) -> list[Offer]:
    try:
        return offer()
    except Exception:  # whatever it is, the middle of somebody's command line is no place to say it
        return []
