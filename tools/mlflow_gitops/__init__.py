"""GitOps for the MLflow Model Registry: manifests in git become the registry's state.

Public, and stable from one version to the next: `__version__`, `resolve` and `fetch` with which a
service loads what git says, and `mlflow_gitops.gates`, with which gates of other packages work.
Everything else is internal and may change. Scripts run the command `mlflow-gitops` (or `python -m
mlflow_gitops`) and read its `--format json`.
"""

from __future__ import annotations

# Importing this package loads nothing else: `--help` and gates of other packages must stay fast.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from mlflow_gitops.core.observed.resolved import Resolved
    from mlflow_gitops.settings import Settings

__version__ = "0.1.0"

__all__ = ["__version__", "fetch", "resolve"]


def resolve(
    model: str,
    stage: str,
    *,
    repo: str | PathLike[str] | None = None,
    environment: str | None = None,
    effective: bool = False,
    registry_dir: str = "",
    main: str | None = None,
) -> Resolved:
    """Which version holds a stage (or `@alias`), from git alone and offline.

    Returns a value with `model`, `stage`, `version` (int), `uri` (`models:/NAME/VERSION`), `digest`
    (`sha256:…`) and `run_id` as the manifest pins them or None, and `commit` with its time `at`:
    the commit of the main branch that put the version there. With `effective`, the version that a
    reconcile put there, as the receipts in this clone say.

    `repo` is the clone, by default the one around the current folder; `environment`,
    `registry_dir` and `main` are the command line's global options. Raises an exception with a text
    for people, whose `exit_code` is 4 if no version holds the stage.
    """
    from mlflow_gitops.app.serving.resolving import resolve_stage
    from mlflow_gitops.app.workspace import Workspace

    settings = _settings(repo, environment, registry_dir, main)
    return resolve_stage(Workspace(settings), model, stage, effective=effective)


def fetch(
    model: str,
    stage: str,
    to: str | PathLike[str],
    *,
    repo: str | PathLike[str] | None = None,
    environment: str | None = None,
    effective: bool = False,
    registry_dir: str = "",
    main: str | None = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
) -> Path:
    """Download the files of the version that holds a stage, if they are those that git pins, and
    return the folder `to` with them: load the model from there.

    The digest of what was written is compared before the folder appears; nothing is unpickled or
    loaded. A folder that has exactly these files already is left as it is. Raises an exception with
    a text for people: its `exit_code` is 4 if git pins no digest, if the files are others, or if
    `to` holds something else, and nothing is left then.

    The URIs default to MLflow's own variables; the other options are those of `resolve`.
    """
    from pathlib import Path

    from mlflow_gitops.app.connect import connect
    from mlflow_gitops.app.file_lists import FileLists
    from mlflow_gitops.app.serving.fetching import fetch_version
    from mlflow_gitops.app.serving.resolving import resolve_stage
    from mlflow_gitops.app.workspace import Workspace

    settings = _settings(repo, environment, registry_dir, main, tracking_uri, registry_uri)
    workspace = Workspace(settings)
    resolved = resolve_stage(workspace, model, stage, effective=effective)
    find_list = FileLists(workspace).find
    fetch_version(lambda: connect(workspace), resolved, Path(to), find_list=find_list)
    return Path(to)


def _settings(
    repo: str | PathLike[str] | None,
    environment: str | None,
    registry_dir: str,
    main: str | None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
) -> Settings:
    """The global options of one call."""
    from pathlib import Path

    from mlflow_gitops.settings import Settings

    return Settings(
        repo=Path(repo) if repo is not None else None,
        registry_dir=registry_dir,
        main=main,
        tracking_uri=tracking_uri,
        registry_uri=registry_uri,
        environment=environment,
    ).git_alone
