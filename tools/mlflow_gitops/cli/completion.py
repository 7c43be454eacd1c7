"""Shell completion. Offline and fast: the words come from the working tree (`candidates`)."""

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
"""A word, and a remark that zsh and fish show beside it."""


_REQUEST = "_MLFLOW_GITOPS_COMPLETE"
"""The environment variable with which a shell requests completion."""


def is_requested() -> bool:
    """Whether this process only answers a shell. Its words are this package's own names and those
    that the working tree's files contain, so no filter for secrets is needed, and loading one takes
    longer than the answer."""
    return bool(os.environ.get(_REQUEST))


@contextmanager
def answering() -> Iterator[None]:
    """Adapt Typer's answer to the shell that requests completion. Without such a request, this does
    nothing.

    The shell scripts that Typer writes request completion with a variable. Typer prints the words
    and ends the process.
    """
    request = os.environ.get(_REQUEST, "")
    if request.startswith("complete_"):
        # Typer (0.25) would load rich, which takes longer than everything else, to remove markup
        # from help texts. Ours have none.
        sys.modules["rich"] = None  # type: ignore[assignment]
    if request != "complete_bash":
        yield
        return

    # zsh and fish quote a word if necessary. bash inserts it unchanged, so a space needs a
    # backslash unless a quote is open.
    answer = io.StringIO()
    try:
        with redirect_stdout(answer):
            yield
    finally:
        current = os.environ.get("COMP_WORDS", "").rpartition("\n")[2]
        space = " " if current.startswith(("'", '"')) else "\\ "
        print(answer.getvalue().replace(" ", space), end="")


def environments(context: typer.Context) -> list[Offer]:
    """The environments that the repository lists."""
    from mlflow_gitops.cli import candidates

    return _quietly(lambda: candidates.environments(_settings(context)))


def models(context: typer.Context) -> list[Offer]:
    """The models that have a manifest, except those that the command line already names."""
    from mlflow_gitops.cli import candidates

    given = context.params.get("models") or ()
    offers = _quietly(lambda: candidates.models(_settings(context)))
    return [offer for offer in offers if offer[0] not in given]


def versions(context: typer.Context) -> list[Offer]:
    """The versions that the model's manifest names."""
    from mlflow_gitops.cli import candidates

    model = _model(context)
    return _quietly(lambda: candidates.versions(_settings(context), model)) if model else []


def stages(context: typer.Context) -> list[Offer]:
    """The policy's stages, for the model if the command line names one."""
    from mlflow_gitops.cli import candidates

    return _quietly(lambda: candidates.stages(_settings(context), _model(context)))


def overrides(context: typer.Context) -> list[Offer]:
    """The gates that the policy allows to override, each with the `=` that its reason follows."""
    from mlflow_gitops.cli import candidates

    return _quietly(lambda: candidates.overrides(_settings(context), _model(context)))


def holders(context: typer.Context) -> list[Offer]:
    """The model's versions, and the stages and aliases that one version holds."""
    from mlflow_gitops.cli import candidates

    model = _model(context)
    return _quietly(lambda: candidates.holders(_settings(context), model)) if model else []


def codes(context: typer.Context) -> list[Offer]:
    """The codes that commands print."""
    from mlflow_gitops.cli import candidates

    return _quietly(candidates.codes)


def commands(context: typer.Context) -> list[Offer]:
    """The commands, with the first line of their help."""
    root = context.find_root()
    listed = getattr(root.command, "commands", {})
    return [
        (name, command.get_short_help_str(60))
        for name, command in listed.items()
        if not command.hidden
    ]


def _model(context: typer.Context) -> str | None:
    # While an option's value is typed, click has not yet assigned the arguments before it to their
    # parameters.
    model = context.params.get("model") or next(iter(context.args), None)
    return str(model) if model else None


def _settings(context: typer.Context) -> Settings:
    """The global options, which completion has to read itself: the function that handles them is
    not called."""
    options = context.find_root().params
    repo = options.get("repo")
    return Settings(
        Path(repo) if repo else None,
        options.get("registry_dir") or "",
        environment=options.get("environment") or None,
    )


def _quietly(find_offers: Callable[[], list[Offer]]) -> list[Offer]:
    try:
        return find_offers()
    except Exception:  # any message would appear in the middle of the user's command line
        return []
