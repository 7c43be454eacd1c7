"""A registry in which four things are wrong at once, each with one model: an invalid manifest, a
broken stamp, a model that was deleted in MLflow, and drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

STAGES = "stages: {Production: 1}\n"
INVALID = "stages: {Production: 2}\noops: 1\n"
KINDS = ("invalid", "stamped", "deleted", "drifted")
BROKEN_STAMPS = ("2026-01-01T00:00:00", "9999-99-99T99:99:99Z", "x" * 4000)
"""Times of held stamps that nobody can read."""


@dataclass(frozen=True)
class Troubles:
    """The names of the four models. `client` is MLflow's."""

    client: Any
    invalid: str
    stamped: str
    deleted: str
    drifted: str

    @property
    def manifests(self) -> dict[str, str]:
        """What all four want at first."""
        return dict.fromkeys((self.invalid, self.stamped, self.deleted, self.drifted), STAGES)

    def break_registry(self, stamp_time: str) -> None:
        """Do in MLflow what nobody should do there. Every model that is left loses Production."""
        stamp = self.client.get_model_version(self.stamped, "1").tags["gitops.held.Production"]
        sha = stamp.partition("@")[0]
        self.client.set_model_version_tag(
            self.stamped, "1", "gitops.held.Production", f"{sha}@{stamp_time}"
        )
        self.client.delete_registered_model(self.deleted)
        self.drift()

    def drift(self) -> None:
        """Take Production away from the models that are left."""
        for name in (self.invalid, self.stamped, self.drifted):
            self.client.transition_model_version_stage(name, "1", "Archived")

    def production(self) -> dict[str, int]:
        """The version that holds Production, of each model that has one."""
        holders = {}
        for name in self.manifests:
            for version in self.client.search_model_versions(f"name = '{name}'"):
                if version.current_stage == "Production":
                    holders[name] = int(version.version)
        return holders

    @property
    def healed(self) -> dict[str, int]:
        """What holds Production after healing. A model that was deleted is not made again."""
        return {self.invalid: 1, self.stamped: 1, self.drifted: 1}
