"""Where this copy of the program was installed from: workflows install the same, and messages name
a command that installs the same with one of its extras."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

_NAME = "mlflow-gitops"
_REACHABLE = ("https://", "http://", "ssh://")


class Requirement(NamedTuple):
    """What pip must install to get exactly this version, and what is wrong with it, as a sentence;
    "" if nothing is."""

    text: str
    fault: str = ""


def installed_requirement(version: str) -> Requirement:
    """The requirement of this installation of a version, by pip's record of it (`direct_url.json`,
    PEP 610)."""
    return requirement_of(_recorded_source(), version)


def requirement_of(source: Mapping[str, Any] | None, version: str) -> Requirement:
    """The requirement for what pip recorded: a commit, a wheel with its hash, or the version of a
    package index if nothing is recorded. A folder or file of this machine, and an address with
    credentials, cannot be written into a workflow."""
    by_name = f"{_NAME}=={version}"
    if source is None:
        return Requirement(by_name)

    url = str(source["url"])
    address = _pinned_address(source)
    if address is not None and not _has_credentials(url):
        return Requirement(f"{_NAME} @ {address}")

    origin = "an address with credentials"
    if url.startswith("file:"):
        origin = "a folder or file of this machine"
    return Requirement(
        by_name,
        f"The workflows install {by_name} by name, but this copy comes from {origin}, which they"
        " cannot reach. Unless your package index has that version, name a commit or a wheel: init"
        f" --update --requirement '{_NAME} @ git+https://HOST/REPOSITORY@COMMIT'",
    )


def install_command(extra: str) -> str:
    """The shell command that installs this very copy with one of its extras."""
    source = _recorded_source()
    version = "" if source else importlib.metadata.version(_NAME)
    return install_command_of(source, version, extra)


def install_command_of(source: Mapping[str, Any] | None, version: str, extra: str) -> str:
    """The command for what pip recorded. On this machine, a folder or file is as good as a commit;
    of an address with credentials, pip needs them again and finds them elsewhere."""
    option, requirement = "", f"{_NAME}[{extra}]=={version}"
    if source is not None:
        url = str(source["url"])
        address = _pinned_address(source)
        if url.startswith("file:"):
            requirement = f"{unquote(urlsplit(url).path)}[{extra}]"
            option = "--editable " if source.get("dir_info", {}).get("editable") else ""
        elif address is not None:
            requirement = f"{_NAME}[{extra}] @ {address}"
    return f"pip install {option}{_quoted(requirement)}"


def _quoted(requirement: str) -> str:
    """An argument for a shell; quotes are shown even if there is no space, because zsh reads `[`
    otherwise."""
    quoted = shlex.quote(requirement)
    return quoted if quoted.startswith("'") else f"'{requirement}'"


def _recorded_source() -> Mapping[str, Any] | None:
    """pip's record; for a program that runs from a checkout that is not installed, that of its
    folder."""
    try:
        record = importlib.metadata.distribution(_NAME).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        folder = Path(__file__).resolve().parents[2]
        return {"url": folder.as_uri(), "dir_info": {"editable": True}}
    source: Mapping[str, Any] | None = json.loads(record) if record else None
    return source


def _pinned_address(source: Mapping[str, Any]) -> str | None:
    """The address of a commit or a wheel, without credentials; None for anything else."""
    url = str(source["url"])
    if not url.startswith(_REACHABLE):
        return None
    if _has_credentials(url):
        url = url.replace(f"{urlsplit(url).netloc.rpartition('@')[0]}@", "", 1)
    if vcs := source.get("vcs_info"):
        return f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    if "archive_info" not in source:
        return None
    hashes = source["archive_info"].get("hashes") or {}
    pin = f"#sha256={hashes['sha256']}" if "sha256" in hashes else ""
    return f"{url}{pin}"


def _has_credentials(url: str) -> bool:
    host = url.partition("//")[2].partition("/")[0]
    return "@" in host and not url.startswith("ssh://")
