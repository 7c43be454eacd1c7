"""`github verify`: keeps one issue about what neither git nor a receipt explains."""

from __future__ import annotations

from mlflow_gitops.app.audit.served_files import FileReading
from mlflow_gitops.app.audit.verify import Verifier
from mlflow_gitops.app.forges import required_forge
from mlflow_gitops.app.runners import current_runner
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.commands.output import emit, note, steps, warn
from mlflow_gitops.core.wording import counted
from mlflow_gitops.errors import OK, REFUSED
from mlflow_gitops.render import verify as render
from mlflow_gitops.settings import Settings


def run(settings: Settings) -> int:
    """Verify everything, the files of versions in stages included. One issue lists what is
    unexplained, and is closed when nothing is. Exits 4 if something is."""
    workspace = Workspace(settings.git_alone)
    forge, runner = required_forge(workspace.git), current_runner()
    from mlflow_gitops.app.connect import connect

    verifier = Verifier(workspace, connect(workspace, warn), artifacts=FileReading(is_full=True))
    verification = verifier.verify(progress=steps(settings))
    emit(render.text(verification))
    page = "\n".join(render.markdown(verification))
    runner.add_summary(page)

    environment = workspace.environment.name if workspace.environment else None
    key = f"verify-{environment}" if environment else "verify"
    if not verification.findings:
        forge.issue(key, "", None)
        return OK
    registry = f"MLflow ({environment})" if environment else "MLflow"
    count = counted(len(verification.findings), "thing")
    title = f"{registry} shows what nothing explains: {count}"
    note(settings, f"Reported in {forge.issue(key, title, page)}.")
    return REFUSED
