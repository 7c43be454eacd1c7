"""`make test-servers`: the journey on servers of many versions of MLflow, each in a venv of its own
below build/servers, and one table in tests/README.md.

`python -m tests.servers 2.9.2` takes only these versions and writes no table.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from tests.servers.journey import Journey
from tests.support.project.pages import ROOT
from tests.support.servers import mlflow_server

_OLD = ("setuptools<81", "numpy<2", "sqlalchemy<2.1", "protobuf<5", "pandas<2.2")
"""What MLflow 2 needs and does not ask for; MLflow 3 before 3.9 only the third of them."""
VERSIONS = (
    "1.30.1",
    "2.3.2",
    "2.9.2",
    "2.14.3",
    "2.20.4",
    "2.22.4",
    "3.0.1",
    "3.4.0",
    "3.13.0",
    "3.18.0",
)
_BEGIN, _END = "<!-- make test-servers writes this -->", "<!-- until here, make test-servers -->"


def server_python(version: str) -> Path:
    """The Python of a venv that has this version of MLflow. The venv is made once."""
    venv = ROOT / "build" / "servers" / version
    python = venv / "bin" / "python"
    ready = venv / "ready"
    if not ready.is_file():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        more = _OLD if version < "3" else _OLD[2:3]
        auth = "mlflow" if version < "3" else "mlflow[auth]"
        pip = [str(python), "-m", "pip", "install", "--quiet", f"{auth}=={version}", *more]
        subprocess.run(pip, check=True)
        ready.touch()
    return python


def journey(version: str, python: Path) -> list[tuple[str, str | None]]:
    """The steps on a server of this version, each with why it failed."""
    outcomes: list[tuple[str, str | None]] = []
    with tempfile.TemporaryDirectory(prefix="servers-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        extra = ("--serve-artifacts",) if version < "2" else ()
        backend = f"sqlite:///{folder / 'mlflow.db'}"
        with mlflow_server(folder / "server", backend, extra=extra, python=python) as address:
            for step, run in Journey(folder / "repo", address, version).steps():
                try:
                    run()
                except Exception as error:
                    outcomes.append((step, f"{type(error).__name__}: {str(error)[:300]}"))
                else:
                    outcomes.append((step, None))
    return outcomes


def main(names: list[str]) -> int:
    """Run the journey on each version, print what failed, and write the table."""
    rows, has_failed = [], False
    for version in names or VERSIONS:
        outcomes = journey(version, server_python(version))
        failed = [(step, reason) for step, reason in outcomes if reason is not None]
        has_failed |= bool(failed)
        row = f"| {version} | {len(outcomes) - len(failed)} of {len(outcomes)} |"
        rows.append(f"{row} {', '.join(step for step, _ in failed)} |")
        print(rows[-1], flush=True)
        for step, reason in failed:
            print(f"  {step}: {reason}", flush=True)
    if not names:
        _write(rows)
    return int(has_failed)


def _write(rows: list[str]) -> None:
    page = ROOT / "tests" / "README.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    day = datetime.now(timezone.utc).date()
    table = "\n".join(["| MLflow's server | steps | failed |", "| --- | --- | --- |", *rows])
    page.write_text(f"{before}{_BEGIN}\n\n{day}:\n\n{table}\n\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
