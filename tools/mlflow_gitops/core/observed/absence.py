"""Models that receipts record, and that a registry does not show: were they deleted, are they
hidden, or is this another registry?

A server with permissions leaves out of its answers what the user may not read, without an error
(MLflow's basic-auth app, 3.4 to 3.18), and a wrong workspace or server shows other models. So a
listing that lacks what was reconciled is no proof that the models are gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlflow_gitops.core.wording import first_few

_LISTED = 3
"""Models that a message lists."""
_READ = "READ on registered models (from MLflow 3.13 on, a role may grant it)"


def registry_place(address: str, workspace: str) -> str:
    """A registry's address with its workspace, if it has any."""
    return f"{address} (workspace {workspace})" if workspace else address


@dataclass(frozen=True, slots=True)
class Absence:
    """The recorded models that a registry does not show.

    `shown` is how many models with this repository's stamps it shows. `place` is the registry's
    address, with its workspace, and `recorded_place` that of the newest receipt; None if it names
    none.
    """

    models: tuple[str, ...]
    shown: int
    place: str
    recorded_place: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the registry shows nothing at all of what was reconciled. Then it is not known
        which models it has, and none is created."""
        return self.shown == 0

    @property
    def advice(self) -> str:
        """What may be wrong, and what to do."""
        another = "another server or workspace"
        if self.recorded_place is not None and self.recorded_place != self.place:
            another = f"not the registry of the newest receipt, {self.recorded_place}"
        if self.is_whole:
            return (
                f"{self.place} shows none of the {len(self.models)} models that receipts record"
                f" ({first_few(self.models, _LISTED)}): it looks empty, or it hides them from these"
                f" credentials, which then lack {_READ}, or it is {another}. reconcile creates"
                " nothing there; check the address, the workspace and the credentials."
            )
        return (
            f"{self.place} does not show {len(self.models)} of the"
            f" {len(self.models) + self.shown} models that receipts record"
            f" ({first_few(self.models, _LISTED)}): they were deleted, or they are hidden from"
            f" these credentials, which then lack {_READ}."
        )
