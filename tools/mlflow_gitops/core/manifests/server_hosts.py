"""To which host an address sends credentials."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mlflow_gitops.core.manifests.environments import Environment

_LOCAL_SCHEMES = frozenset({"", "file", "sqlite"})
_PLAIN_AUTHORITY = re.compile(r"[A-Za-z0-9.:_\[\]-]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def hosts_of(environment: Environment) -> set[str]:
    """The hosts of an environment's tracking server and registry, as `host_of`."""
    addresses = (environment.tracking_uri, environment.registry_uri)
    return {host for address in addresses if address and (host := host_of(address))}


def host_of(address: str) -> str | None:
    """Scheme, host and port of an address, such as `https://mlflow.example:443`; None for a file or
    folder of this machine. Two addresses with the same result get the same credentials.

    What has no host, like `databricks`, stands for itself: it names a profile of credentials.
    """
    address = address.strip()
    scheme = address.partition(":")[0].lower() if ":" in address else ""
    if scheme.partition("+")[0] in _LOCAL_SCHEMES and not address.startswith("databricks"):
        return None
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return address
    if not host or not _PLAIN_AUTHORITY.fullmatch(parts.netloc):
        return address  # programs read such an address in different ways
    port = port or _DEFAULT_PORTS.get(scheme)
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name.rstrip('.')}" + (f":{port}" if port else "")
