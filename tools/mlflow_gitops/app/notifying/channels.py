"""The addresses of channels: in the file, or in environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mlflow_gitops.core.notifying.settings import VARIABLES, Channel


def address_of(channel: Channel, variables: Mapping[str, str] | None = None) -> str | None:
    """A channel's address; None if its variable is missing. By default the variables are those of
    this process."""
    if channel.address is not None:
        return channel.address
    variables = os.environ if variables is None else variables
    name = channel.variable or ""
    if address := variables.get(name, "").strip():
        return address
    return _listed_addresses(variables.get(VARIABLES, "")).get(name)


def missing_address(channel: Channel) -> str:
    """What is missing for a channel without an address."""
    return f"has no address: neither {channel.variable} nor a line of {VARIABLES} sets it"


def _listed_addresses(text: str) -> dict[str, str]:
    """The lines `VARIABLE=address` of the variable that holds all addresses."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(): address.strip() for name, _, address in pairs if address.strip()}
