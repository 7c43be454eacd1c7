"""The report: pages of the audit trail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlflow_gitops.cli.app import Bom, Since, Until, app

_AllEnvironments = Annotated[
    bool,
    typer.Option(
        "--all-envs",
        help="Write a report of each environment to DIR/NAME/, and DIR/index.html, which links"
        " them.",
    ),
]


@app.command()
def report(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="The folder to write to: DIR/index.html, and a page a model in DIR/models/.",
        ),
    ],
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not read MLflow; show git alone.")
    ] = False,
    bom: Bom = False,
    since: Since = None,
    until: Until = None,
    all_environments: _AllEnvironments = False,
) -> None:
    """Write the audit trail and today's state as HTML pages that open from disk and make no
    requests: an index with a summary, search and filters, and a page for each model with how the
    gates judged each entry. --since and --until limit the tables of events and incidents; the
    timelines are whole.

    Example: mlflow-gitops report --out public

    Example: mlflow-gitops report --out q1 --since 2026-01-01 --until 2026-03-31
    """
    if all_environments:
        from mlflow_gitops.commands import report_all

        flags = {"--offline": offline, "--bom": bom, "--since": since, "--until": until}
        raise typer.Exit(report_all.run(context.obj, out, flags))

    from mlflow_gitops.commands import report as command

    code = command.run(context.obj, out, offline=offline, with_bills=bom, since=since, until=until)
    raise typer.Exit(code)
