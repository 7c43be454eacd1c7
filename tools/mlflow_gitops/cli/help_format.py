"""How `--help` looks: whole sentences for each command, and a help text for each argument."""

from __future__ import annotations

from typing import Any

import click
import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup


class CommandGroup(TyperGroup):
    """A group that lists each command with the whole first sentence of its help."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands. click would cut each sentence to one line."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, first_sentence(command.help or "")))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. An unknown one gets one suggestion: click and Typer both make one."""
        name = args[0]
        if self.get_command(ctx, name) is not None or name.startswith("-"):
            return super().resolve_command(ctx, args)

        from mlflow_gitops.core.wording import did_you_mean  # only a misspelling needs it

        hint = did_you_mean(name, self.list_commands(ctx))
        message = f"No such command {name!r}."
        ctx.fail(f"{message} {hint[0].upper()}{hint[1:]}" if hint else message)


def first_sentence(help_text: str) -> str:
    """The first sentence of a help text, on one line."""
    paragraph = " ".join(help_text.partition("\n\n")[0].split())
    sentence, end, _ = paragraph.partition(". ")
    return f"{sentence}." if end else paragraph


class _Argument(TyperArgument):
    """An argument that keeps its help text, which click (8.4) would take away from Typer's."""

    def __init__(self, *, help: str | None = None, **given: Any) -> None:
        super().__init__(help=help, **given)
        self.help = help


def _write_no_arguments(
    command: TyperCommand, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write nothing: click (8.5) lists the arguments in a section of its own, and Typer (0.25)
    lists them together with the options."""


# Typer has no setting for these.
setattr(typer.main, "TyperArgument", _Argument)  # noqa: B010
setattr(TyperCommand, "format_arguments", _write_no_arguments)  # noqa: B010
