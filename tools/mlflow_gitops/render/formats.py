"""The output formats of each command.

To add a format to a command, write a function that takes the command's result and returns the
lines to print, and name it in the command's table here. `--format` then offers it.

The tables name their renderers instead of importing them: the command line reads the tables to
parse `--format`, and `--help` and shell completion must not load every renderer (DESIGN §5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from mlflow_gitops.core.audit.verifying.findings import Verification
    from mlflow_gitops.core.comparison.values import Comparison
    from mlflow_gitops.core.manifests.snapshot import Snapshot
    from mlflow_gitops.core.observed.resolved import Resolved
    from mlflow_gitops.core.plan.plan import Plan
    from mlflow_gitops.render.checking.check import CheckOutput
    from mlflow_gitops.render.checking.recipe import RecipeOutput
    from mlflow_gitops.render.doctor import CheckResults
    from mlflow_gitops.render.environments.show import ModelEverywhere
    from mlflow_gitops.render.environments.status import EnvironmentMatrix
    from mlflow_gitops.render.health.verdicts import HealthOutput
    from mlflow_gitops.render.log import Log
    from mlflow_gitops.render.plan.text import PlanOutput
    from mlflow_gitops.render.reconcile import ReconcileOutput
    from mlflow_gitops.render.reference.explanations import Explained
    from mlflow_gitops.render.setup.notify import NotifyOutput
    from mlflow_gitops.render.setup.rights import RightsOutput
    from mlflow_gitops.render.show import HoldersAt
    from mlflow_gitops.render.written_files import WrittenFiles

Result = TypeVar("Result")

_FOR_PROGRAMS = frozenset({"json", "jsonl", "csv", "env", "yaml"})

COMMANDS_OF_A_RUNNER = frozenset({"github"})
"""The formats whose lines a CI runner is to obey."""


class Formats(Generic[Result]):
    """The formats of one command's result: each name with its renderer as `module:function`, where
    the module is below `mlflow_gitops.render`."""

    def __init__(self, **renderers: str) -> None:
        self._renderers = renderers

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._renderers)

    def renderer(self, name: str) -> Callable[[Result], Iterable[str]]:
        """Load the function that renders a result in the named format."""
        module, _, function = self._renderers[name].partition(":")
        loaded = import_module(f"mlflow_gitops.render.{module}")
        renderer: Callable[[Result], Iterable[str]] = getattr(loaded, function)
        return renderer


def is_for_programs(name: str) -> bool:
    """Whether a program reads this format, so that no hint for people is printed beside it."""
    return name in _FOR_PROGRAMS


INVALID_FILES: Formats[Snapshot] = Formats(
    text="problems:errors", json="problems:json", markdown="problems:markdown"
)
"""What every command prints if it stops because of invalid files."""

VALIDATE: Formats[Snapshot] = Formats(
    text="problems:text", json="problems:json", github="problems:github_annotations"
)
PLAN: Formats[PlanOutput] = Formats(
    text="plan.text:text", json="plan.json:json", markdown="plan.pull_request_comment:markdown"
)
STATUS: Formats[Plan] = Formats(text="status:text", json="status:json", markdown="status:markdown")
STATUS_ALL: Formats[EnvironmentMatrix] = Formats(
    text="environments.status:text",
    json="environments.status:json",
    markdown="environments.status:markdown",
)
"""`status --all-envs`."""

COMPARE: Formats[Comparison] = Formats(
    text="comparison.text:text",
    json="comparison.json:json",
    markdown="comparison.markdown:markdown",
)
EDIT: Formats[WrittenFiles] = Formats(text="written_files:text", json="written_files:json")
"""`pin`, `promote` and `rollback`."""

IMPORT: Formats[WrittenFiles] = Formats(text="written_files:text", json="written_files:json")
INIT: Formats[WrittenFiles] = Formats(text="written_files:text", json="written_files:json")
CHECK: Formats[CheckOutput] = Formats(
    text="checking.check:text", json="checking.check:json", markdown="checking.check:markdown"
)
DOWNLOADED: Formats[WrittenFiles] = Formats(
    text="written_files:text", json="written_files:json", markdown="written_files:text"
)
"""`check --to`."""

CODEOWNERS: Formats[WrittenFiles] = Formats(text="written_files:text", json="written_files:json")
DOCTOR: Formats[CheckResults] = Formats(text="doctor:text", json="doctor:json")
EXPORT: Formats[WrittenFiles] = Formats(text="written_files:text", json="written_files:json")
EXPLAIN: Formats[Explained] = Formats(
    text="reference.explanations:text", json="reference.explanations:json"
)
HEALTH: Formats[HealthOutput] = Formats(
    text="health.verdicts:text",
    json="health.verdicts:json",
    markdown="health.verdicts:markdown",
)
LOG: Formats[Log] = Formats(
    text="log:text",
    json="log:json",
    jsonl="log:json_lines",
    csv="audit.log_csv:as_csv",
    markdown="audit.log_markdown:markdown",
)
RECONCILE: Formats[ReconcileOutput] = Formats(text="reconcile:text", json="reconcile:json")
RESOLVE: Formats[Resolved] = Formats(
    text="serving.resolved:text",
    json="serving.resolved:json",
    env="serving.resolved:env",
    yaml="serving.resolved:yaml",
)
"""`resolve` and `fetch`."""

RENDER: Formats[WrittenFiles] = Formats(text="written_files:text", json="written_files:json")
BOM: Formats[WrittenFiles] = Formats(text="written_files:text", json="written_files:json")
RIGHTS: Formats[RightsOutput] = Formats(
    text="setup.rights:text", json="setup.rights:json", markdown="setup.rights:markdown"
)
NOTIFY: Formats[NotifyOutput] = Formats(text="setup.notify:text", json="setup.notify:json")
REPRODUCE: Formats[RecipeOutput] = Formats(text="checking.recipe:text", json="checking.recipe:json")
SIGN: Formats[WrittenFiles] = Formats(text="written_files:text", json="written_files:json")
SHOW: Formats[HoldersAt] = Formats(text="show:text", json="show:json")
SHOW_ALL: Formats[ModelEverywhere] = Formats(
    text="environments.show:text", json="environments.show:json"
)
"""`show --all-envs`."""

VERIFY: Formats[Verification] = Formats(
    text="verify:text", json="verify:json", markdown="verify:markdown"
)
