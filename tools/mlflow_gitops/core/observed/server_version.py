"""Which of the things that this program needs a server's version of MLflow has."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?:[.\w+-]{0,24})?\Z")

ALIASES = "aliases"
PROMPTS = "prompts"
LOGGED_MODELS = "logged models"
ROLES = "roles"
NAME_LISTS = "lists of names in filters"
SUB_RESOURCES = "rights on versions"

SINCE = {
    ALIASES: (2, 3),
    PROMPTS: (2, 21),
    LOGGED_MODELS: (3, 0),
    ROLES: (3, 13),
    NAME_LISTS: (3, 17),
    SUB_RESOURCES: (3, 17),
}
"""The first version of MLflow's server that has each, as tried on servers from 1.30 to 3.18."""

CONSEQUENCES = {
    ALIASES: "stages work, a policy or manifest with aliases is refused",
    PROMPTS: "manifests of the kind prompt cannot be reconciled",
    LOGGED_MODELS: "gates read a version's run, and no other environment's version is copied here",
    ROLES: "rights are granted model by model",
    NAME_LISTS: "named models are read one by one",
    SUB_RESOURCES: "EDIT on a model moves its stages, too",
}
"""What the lack of each means to the user."""


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """What a server states about itself. `text` is its version; None if it states none, as behind
    some proxies and before MLflow 2.0: then everything is assumed, and a failure decides."""

    text: str | None = None

    @property
    def pair(self) -> tuple[int, int] | None:
        match = _VERSION.match(self.text or "")
        return (int(match[1]), int(match[2])) if match else None

    def has(self, feature: str) -> bool:
        """Whether it has a feature of `SINCE`; True if its version is not known."""
        return self.pair is None or self.pair >= SINCE[feature]

    @property
    def lacks(self) -> list[str]:
        """The features of `SINCE` that it does not have."""
        return [feature for feature in SINCE if not self.has(feature)]

    def lack_of(self, feature: str) -> str:
        """That it does not have a feature, as a clause after the server's address."""
        major, minor = SINCE[feature]
        return f"is MLflow {self.text}, which has no {feature} (they came with {major}.{minor})"
