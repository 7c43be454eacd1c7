"""Serve what Production holds, and follow it: read what `reconcile --format json` says it changed,
and restart the server where that is about Production. It serves the very files that git pins: if
MLflow has others, the server that runs stays as it is.

    mlflow-gitops reconcile --yes --format json | python deploy.py
    mlflow-gitops reconcile --yes --watch --format json | python deploy.py

One server is stopped and another started, so there are some seconds without one; a fleet would
start the new one first.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import requests
from mlflow import MlflowClient
from project import MODEL

import mlflow_gitops

PORT = int(os.environ.get("SERVING_PORT", "8000"))
ADDRESS = f"http://127.0.0.1:{PORT}"
STATE = Path(os.environ.get("SERVING_STATE", "serving"))
"""The folder that holds the server's process id and its log."""


def runs(stream: TextIO) -> Iterator[dict[str, Any]]:
    """What each run of reconcile said: one JSON object, or with --watch one a line."""
    text = ""
    for line in stream:
        text += line
        with suppress(ValueError):
            yield json.loads(text)
            text = ""
    if text.strip():
        raise SystemExit(f"This is not what reconcile --format json prints: {text[:200]}")


def stop() -> None:
    """End the server that an earlier deployment started."""
    kept = STATE / "pid"
    if not kept.exists():
        return
    pid = int(kept.read_text())
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)
    end = time.monotonic() + 30
    while _listening():
        if time.monotonic() > end:
            raise SystemExit(f"The server with the process id {pid} does not end.")
        time.sleep(0.1)
    kept.unlink()


def _listening() -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", PORT), timeout=2):
        return True
    return False


def load() -> tuple[Path, int]:
    """The version that git gives Production, and a folder with its files. Ends the program if
    MLflow has other files than those that git pins."""
    subprocess.run(["git", "fetch", "--quiet", "origin"], check=True)
    resolved = mlflow_gitops.resolve(MODEL, "Production")
    try:
        folder = mlflow_gitops.fetch(MODEL, "Production", STATE / f"{MODEL}-{resolved.version}")
    except Exception as error:
        raise SystemExit(f"Not served: {error}") from None
    return folder, resolved.version


def start(folder: Path, version: int) -> None:
    """Start serve.py on these files, and wait until it answers."""
    STATE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "serve.py", str(folder)]
    command += ["--version", str(version), "--port", str(PORT)]
    with open(STATE / "log", "ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    (STATE / "pid").write_text(str(process.pid))
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        with suppress(requests.RequestException):
            if requests.get(f"{ADDRESS}/ping", timeout=2).ok:
                return
        time.sleep(0.3)
    raise SystemExit(f"The server did not start:\n{(STATE / 'log').read_text()[-2000:]}")


def ask(texts: list[str]) -> list[dict[str, Any]]:
    """What the server answers to each text."""
    body = {"dataframe_split": {"columns": ["text"], "data": [[text] for text in texts]}}
    answer = requests.post(f"{ADDRESS}/invocations", json=body, timeout=60)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["predictions"]
    return found


def answering() -> int:
    """The version that answers, by the run that each answer names."""
    run = ask(["Is anybody there?"])[0]["run"]
    return next(
        int(v.version)
        for v in MlflowClient().search_model_versions(f"name = '{MODEL}'")
        if v.run_id == run
    )


def main() -> None:
    for run in runs(sys.stdin):
        entered = [
            c["version"]
            for c in run.get("changed", ())
            if (c["model"], c["stage"]) == (MODEL, "Production")
        ]
        if not entered:
            print("Production did not change; the server stays as it is.", flush=True)
            continue
        folder, version = load()
        stop()
        start(folder, version)
        if (version := answering()) != entered[-1]:
            raise SystemExit(f"Version {entered[-1]} should answer, and {version} does.")
        print(
            f"Production changed: the server was restarted, and version {version} answers.",
            flush=True,
        )


if __name__ == "__main__":
    main()
