"""Check that a wheel and an sdist hold exactly what git tracks: `python tests/packaging/contents.py
WHEEL SDIST`.

A file that the wheel lacks breaks the command only where it is installed, and one too many may be
somebody's secret.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]

# Where each folder or file of the checkout stands in the wheel.
PLACES = {
    "tools/mlflow_gitops/": "mlflow_gitops/",
    "schemas/": "mlflow_gitops/_shared/schemas/",
    "registry/": "mlflow_gitops/_shared/registry/",
    ".github/actions/": "mlflow_gitops/_shared/.github/actions/",
    ".github/workflows/": "mlflow_gitops/_shared/.github/workflows/",
    ".github/pull_request_template.md": "mlflow_gitops/_shared/.github/pull_request_template.md",
    "constraints.txt": "mlflow_gitops/_shared/constraints.txt",
}


def tracked() -> set[str]:
    """What git tracks and the working tree has."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=TOP, check=True, capture_output=True
    ).stdout
    return {name for name in listed.decode().split("\0") if name and (TOP / name).exists()}


def expected_in_wheel(files: Iterable[str]) -> set[str]:
    return {
        place + name.removeprefix(top)
        for name in files
        for top, place in PLACES.items()
        if name.startswith(top)
    }


def in_wheel(path: str) -> set[str]:
    """The wheel's files but for its own records, which are in the one `.dist-info` folder."""
    with zipfile.ZipFile(path) as archive:
        return {
            name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")
        }


def in_sdist(path: str) -> set[str]:
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2] for member in archive if not member.isdir()} - {
            "PKG-INFO"
        }


def differences(what: str, found: set[str], expected: set[str]) -> list[str]:
    return [
        *(f"{what} lacks {name}" for name in sorted(expected - found)),
        *(
            f"{what} holds {name}, which git does not track there"
            for name in sorted(found - expected)
        ),
    ]


def main(wheel: str, sdist: str) -> int:
    files = tracked()
    faults = [
        *differences("the wheel", in_wheel(wheel), expected_in_wheel(files)),
        *differences("the sdist", in_sdist(sdist), files),
    ]
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    if not faults:
        print(
            f"wheel and sdist hold what git tracks: {len(expected_in_wheel(files))} and"
            f" {len(files)} files"
        )
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
