"""The issues about unhealthy versions: one open issue for each stage of a model (RULES R14)."""

from __future__ import annotations

from mlflow_gitops.core.authoring.proposals import branch_part
from mlflow_gitops.core.health.verdict import HealthVerdict
from mlflow_gitops.edges.forge import Forge
from mlflow_gitops.render import way_back as render
from mlflow_gitops.render.way_back import WayBackOutcome

_DRY_RUN = "Not yet, this is a dry run: {}"


class HealthIssues:
    """The open issues of one environment, or of a repository with a single MLflow. They are listed
    once. Methods raise ForgeFailure."""

    def __init__(self, forge: Forge, environment: str | None, *, dry_run: bool) -> None:
        self._forge = forge
        self._prefix = f"health-{environment} " if environment else "health "
        self._dry_run = dry_run
        self._open: set[str] = set()

    def read(self) -> None:
        """List those that are open. Until then, and if that fails, none are."""
        self._open = self._forge.open_issue_keys(self._prefix)

    def is_open(self, model: str, stage: str) -> bool:
        """Whether our issue about a stage is open."""
        return self._key(model, stage) in self._open

    def report(self, verdict: HealthVerdict, reason: str) -> WayBackOutcome:
        """Open the issue about a version, or bring it up to date."""
        url = None
        if not self._dry_run:
            key = self._key(verdict.model, verdict.stage)
            title = render.issue_title(verdict)
            url = self._forge.issue(key, title, render.issue(verdict, reason))
        explanation = _DRY_RUN.format(reason) if self._dry_run else reason
        return WayBackOutcome(verdict.model, verdict.stage, "reported", explanation, url)

    def close(self, model: str, stage: str, reason: str) -> WayBackOutcome:
        """Close the issue about a stage."""
        if not self._dry_run:
            self._forge.issue(self._key(model, stage), "", None)
        explanation = _DRY_RUN.format(reason) if self._dry_run else reason
        return WayBackOutcome(model, stage, "closed", explanation)

    def surplus(self, watched: set[tuple[str, str]], left_models: set[str]) -> list[str]:
        """The keys of open issues about stages that are not watched. Those of `left_models` are
        left out."""
        keys = {self._key(model, stage) for model, stage in watched}
        kept_prefixes = tuple(self._key(model, "") for model in left_models)
        return [key for key in sorted(self._open - keys) if not key.startswith(kept_prefixes)]

    def close_surplus(self, key: str, reason: str) -> WayBackOutcome:
        """Close the issue with a key."""
        model, _, stage = key.removeprefix(self._prefix).rpartition("/")
        if not self._dry_run:
            self._forge.issue(key, "", None)
        return WayBackOutcome(model, stage, "closed", reason)

    def _key(self, model: str, stage: str) -> str:
        return f"{self._prefix}{branch_part(model)}/{branch_part(stage) if stage else ''}"
