"""A team whose repository keeps several MLflow servers, each with a folder of its own."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tests.support.team import GIT_ENVIRONMENT, Ran, Team


class Teams(Team):
    """One repository, and the URI of each environment's MLflow. `more` is added to each
    environment's entry."""

    def __init__(
        self, folder: Path, uris: Mapping[str, str], more: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, "")
        self.uris = uris
        extra = more or {}
        entries = (
            f'{name}: {{tracking_uri: "{uri}"{extra.get(name, "")}}}\n'
            for name, uri in uris.items()
        )
        self.write("environments.yaml", "".join(entries))

    def put(self, environment: str, model: str, text: str) -> None:
        self.write(f"{environment}/models/{model}.yaml", f"name: {model}\n{text}")

    def on(self, environment: str | None, *args: str, **variables: str) -> Ran:
        """Run the command line in this process, for one environment or for none."""
        from mlflow_gitops.cli import main

        out, err = io.StringIO(), io.StringIO()
        before = dict(os.environ)
        os.environ.update(GIT_ENVIRONMENT | variables)
        chosen = ["--env", environment] if environment else []
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = main(["--repo", str(self.folder), *chosen, *args])
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert "Traceback" not in out.getvalue() + err.getvalue(), err.getvalue()
        return Ran(code, out.getvalue(), err.getvalue())

    def apply(self, environment: str) -> Ran:
        """Reconcile one environment and expect that everything was applied."""
        ran = self.on(environment, "reconcile", "--yes", "--format", "json")
        assert ran.code == 0, ran.out + ran.err
        return ran
