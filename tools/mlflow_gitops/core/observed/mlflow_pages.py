"""Where MLflow shows versions and runs to people (MLflow 3.17: `#/models/…/versions/…`, `#/runs/…`,
`#/prompts/…`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]{0,500})?")

_RUN_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class MlflowPages:
    """The addresses of MLflow's own pages: of the server with the registry, and of the one with the
    runs; None if it has none."""

    registry: str | None
    tracking: str | None

    def of_version(self, model: str, number: int, *, is_prompt: bool = False) -> str | None:
        """The page of a version; for a prompt, that of all its versions."""
        if self.registry is None:
            return None
        name = quote(model, safe="", errors="replace")
        path = f"prompts/{name}" if is_prompt else f"models/{name}/versions/{number}"
        return f"{self.registry}/#/{path}"

    def of_run(self, run_id: str) -> str | None:
        """The page of a run; None also for an id that MLflow does not give."""
        is_known = self.tracking is not None and _RUN_ID.fullmatch(run_id)
        return f"{self.tracking}/#/runs/{run_id}" if is_known else None


def pages_of(registry_uri: str, tracking_uri: str) -> MlflowPages:
    """The pages of servers. A store that is opened directly has none, and neither has an address
    with credentials or anything else that is not plainly an address."""
    return MlflowPages(page_address(registry_uri), page_address(tracking_uri))


def page_address(uri: str) -> str | None:
    """The address of a server's pages without a slash at the end; None if it has none."""
    return uri.rstrip("/") if _ADDRESS.fullmatch(uri) else None
