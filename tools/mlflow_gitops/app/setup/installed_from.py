"""Where this copy of the program was installed from, so that workflows install the same."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

_NAME = "mlflow-gitops"


class Requirement(NamedTuple):
    """What pip must install to get exactly this version, and what is wrong with it, as a sentence;
    "" if nothing is."""

    text: str
    fault: str = ""


def installed_requirement(version: str) -> Requirement:
    """The requirement of this installation of a version, by pip's record of it (`direct_url.json`,
    PEP 610)."""
    try:
        record = importlib.metadata.distribution(_NAME).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return requirement_of({"url": "file://", "dir_info": {}}, version)
    return requirement_of(json.loads(record) if record else None, version)


def requirement_of(source: Mapping[str, Any] | None, version: str) -> Requirement:
    """The requirement for what pip recorded: a commit, a wheel with its hash, or the version of a
    package index if nothing is recorded. A folder or file of this machine, and an address with
    credentials, cannot be written into a workflow."""
    by_name = f"{_NAME}=={version}"
    if source is None:
        return Requirement(by_name)

    url = str(source["url"])
    is_reachable = url.startswith(("https://", "http://", "ssh://")) and not _has_credentials(url)
    if is_reachable and (vcs := source.get("vcs_info")):
        return Requirement(f"{_NAME} @ {vcs['vcs']}+{url}@{vcs['commit_id']}")
    if is_reachable and "archive_info" in source:
        hashes = source["archive_info"].get("hashes") or {}
        pin = f"#sha256={hashes['sha256']}" if "sha256" in hashes else ""
        return Requirement(f"{_NAME} @ {url}{pin}")

    origin = "an address with credentials"
    if url.startswith("file:"):
        origin = "a folder or file of this machine"
    return Requirement(
        by_name,
        f"The workflows install {by_name} by name, but this copy comes from {origin}, which they"
        " cannot reach. Unless your package index has that version, name a commit or a wheel: init"
        f" --update --requirement '{_NAME} @ git+https://HOST/REPOSITORY@COMMIT'",
    )


def _has_credentials(url: str) -> bool:
    host = url.partition("//")[2].partition("/")[0]
    return "@" in host and not url.startswith("ssh://")
