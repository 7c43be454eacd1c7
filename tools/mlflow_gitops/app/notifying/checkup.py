"""What `doctor` reads about notifications."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_gitops.app.notifying.channels import address_of
from mlflow_gitops.app.notifying.settings_file import notify_path, tree_settings
from mlflow_gitops.app.workspace import Workspace
from mlflow_gitops.core.notifying.settings import VARIABLES
from mlflow_gitops.core.setup.doctor import CheckResult
from mlflow_gitops.core.setup.doctor_notify import NotifyFacts, check_notify
from mlflow_gitops.edges.notifying.sending import missing_extra
from mlflow_gitops.edges.system.extras import fix_for_missing
from mlflow_gitops.errors import Failure


def notify_checks(workspace: Workspace) -> Iterator[CheckResult]:
    """The checks of notifications; none in a repository that notifies nobody."""
    if not workspace.checkout.exists(notify_path(workspace)):
        return
    try:
        settings = tree_settings(workspace)
    except Failure as failure:
        yield from check_notify(NotifyFacts(None, failure.message))
        return
    channels = settings.channels.values()
    facts = NotifyFacts(
        settings,
        missing_extra=fix_for_missing("apprise") if missing_extra() else None,
        unset={channel.variable or "" for channel in channels if address_of(channel) is None},
        passes_addresses=any(
            f"secrets.{VARIABLES}" in text for text in workspace.checkout.workflow_texts().values()
        ),
    )
    yield from check_notify(facts)
