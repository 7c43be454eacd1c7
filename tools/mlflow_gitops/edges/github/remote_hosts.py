"""Which hosts in a remote's address are GitHub: its name, its host for SSH through port 443, and
aliases in the SSH configuration."""

from __future__ import annotations

import re
import subprocess

_TIMEOUT = 5
"""Seconds."""
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def is_host(github: str, remote_host: str, *, uses_ssh: bool) -> bool:
    """Whether a remote's host is the GitHub whose host is `github`."""
    names = (github, f"ssh.{github}")
    remote_host = remote_host.lower()
    if remote_host in names:
        return True

    # People with two accounts name the second one's alias github.com-work.
    has_alias_form = _LABEL.fullmatch(remote_host.removeprefix(f"{github}-")) is not None
    if not uses_ssh or not has_alias_form:
        return False
    configured = _configured_host(remote_host)
    if configured == remote_host:
        return remote_host.startswith(f"{github}-")
    return configured in names


def _configured_host(alias: str) -> str:
    """The host that an alias stands for in the SSH configuration; the alias if it has none."""
    try:
        answer = subprocess.run(
            ["ssh", "-G", alias], capture_output=True, text=True, timeout=_TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return alias
    lines = (line.split() for line in answer.stdout.splitlines())
    return next((line[1].lower() for line in lines if line[:1] == ["hostname"]), alias)
