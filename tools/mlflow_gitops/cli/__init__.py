"""The command line: the commands, and the function that runs one of them."""

from __future__ import annotations

from mlflow_gitops.cli.app import app as app
from mlflow_gitops.cli.command_line import main as main

# Each module registers its commands; `--help` lists them in this order.
# isort: off
from mlflow_gitops.cli import setup, inspect, authoring, reconcile  # noqa: F401
from mlflow_gitops.cli import audit, report, serving, github, reference  # noqa: F401

# isort: on
