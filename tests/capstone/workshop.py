"""The places and the processes around the story: repositories, storage, the watching reconciler,
the server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.capstone.surroundings import Mailbox
from tests.capstone.teller import Unexpected, clean_environment
from tests.support.github_api import GitHubAPI
from tests.support.github_state import Repository
from tests.support.servers import free_port

PROJECT = Path(__file__).parent / "project"
LEAD = "language-lead"
"""The account that merges pull requests on the forge."""


class Workshop:
    """A folder that holds a bare repository (the forge), a clone of it (the team's), another one
    (the reconciler's), the DVC storage and MLflow's own files. `address` is MLflow's; `environment`
    is what commands run with."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.team = folder / "team"
        self.serving, self.metrics, self.prometheus = free_port(), free_port(), free_port()
        self.forge = Repository(folder, "your-org/forge")
        self.mailbox = Mailbox()
        self._visitors: subprocess.Popen[bytes] | None = None
        self.environment = self._environment(address)
        self.hidden = self._hidden(address)

    @contextmanager
    def surrounded(self) -> Iterator[None]:
        """The forge answers its API, and the webhook takes notifications."""
        self.forge.user(LEAD, "write", mails=("language@example.org",))
        with GitHubAPI(self.forge).serving() as self.api, self.mailbox.open():
            yield

    def answers(self, version: int) -> None:
        """Raises Unexpected unless the server answers by this version."""
        said = self.quiet("python -c 'import deploy; print(deploy.answering())'").strip()
        if said != str(version):
            raise Unexpected(f"Version {version} should answer, and {said} does.")

    @contextmanager
    def watching(self) -> Iterator[Path]:
        """The reconciler by itself, in a clone of its own, and deploy.py behind it; yields what
        deploy.py says."""
        clone, log = self.folder / "reconciler", self.folder / "deploy.log"
        self.quiet(f"git clone --quiet ../forge.git {clone}")
        watch = (
            f"mlflow-gitops --repo {clone} reconcile --yes --watch --interval 3s --push-receipts"
            " --format json"
        )
        command = (
            f"exec {watch} --listen 127.0.0.1:{self.metrics} 2>{self.folder / 'watch.log'} | python"
            " deploy.py"
        )
        with open(log, "wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", command], cwd=self.team, env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        try:
            self._wait_for_metrics()
            yield log
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)

    def visiting(self, posts: str) -> None:
        """From now on, visitors keep coming with such posts."""
        self.stop_visitors()
        self._visitors = subprocess.Popen(
            [sys.executable, "visitors.py", f"data/{posts}.csv", "--keep-coming"],
            cwd=self.team, env=self.environment, stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def stop_visitors(self) -> None:
        if self._visitors is not None:
            self._visitors.terminate()
            self._visitors.wait(60)

    def _wait_for_metrics(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            address = f"http://127.0.0.1:{self.metrics}/metrics"
            with suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
                if 'sync="Synced"} 1' in answer.read().decode():
                    return
            time.sleep(0.5)
        raise Unexpected(
            "The watching reconciler does not say that all is Synced: " + self._tail("watch.log")
        )

    def wait(self, log: Path, said: str) -> None:
        end = time.monotonic() + 120
        while said not in log.read_text():
            if time.monotonic() > end:
                raise Unexpected(
                    f"deploy.py did not say {said!r}: {log.read_text()} {self._tail('watch.log')}"
                )
            time.sleep(0.5)

    def _tail(self, name: str) -> str:
        return (self.folder / name).read_text()[-2000:]

    def set_up(self) -> None:
        """The forge, the team's clone with the project's files in it, and DVC's storage."""
        shutil.copytree(PROJECT, self.team, ignore=shutil.ignore_patterns("__pycache__"))
        (self.team / "data").mkdir()
        for name in ("prometheus.yml", "registry/notify.yaml"):
            file, text = self.team / name, (PROJECT / name).read_text()
            text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.serving}")
            file.write_text(text.replace("127.0.0.1:8010", f"127.0.0.1:{self.mailbox.port}"))
        for command in (
            "git init --quiet --initial-branch=main",
            "git remote add origin ../forge.git", "dvc init --quiet",
            "dvc config core.analytics false",
            f"dvc remote add --quiet --default storage {self.folder / 'dvc-storage'}",
            "git add . && git commit --quiet -m 'Code, policy, and a manifest without a version'",
            "git push --quiet --set-upstream origin main", "git remote set-head origin main",
        ):  # fmt: skip
            self.quiet(command)

    def quiet(self, command: str) -> str:
        """Run what is no part of the story."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.team,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Unexpected(f"{command}: {done.stdout[-1000:]}{done.stderr[-2000:]}")
        return done.stdout

    def md5(self, commit: str) -> str:
        """The MD5 of the posts as a commit has it."""
        found = re.search(
            "md5: ([0-9a-f]{32})", self.quiet(f"git show {commit}:data/posts.csv.dvc")
        )
        assert found is not None
        return found[1]

    def _environment(self, address: str) -> dict[str, str]:
        here = clean_environment()
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "The language team"), ("EMAIL", "language@example.org"))
        }
        return here | who | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{here.get('PATH', '')}",
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_TEMPLATE_DIR": "",
            "MLFLOW_TRACKING_URI": address, "MLFLOW_DISABLE_TELEMETRY": "true",
            "DVC_NO_ANALYTICS": "true", "MLFLOW_GITOPS_CACHE": str(self.folder / "cache"),
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "PYTHONWARNINGS": "ignore",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "HF_HUB_OFFLINE": "1",
            "SERVING_PORT": str(self.serving), "SERVING_STATE": str(self.folder / "serving"),
            "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
            "PYTHONDONTWRITEBYTECODE": "1", **_wheels(),
            "MLFLOW_GITOPS_PROMETHEUS_URL": f"http://127.0.0.1:{self.prometheus}",
        }  # fmt: skip

    def _hidden(self, address: str) -> dict[str, str]:
        return {
            address: "http://127.0.0.1:5000", f"127.0.0.1:{self.serving}": "127.0.0.1:8000",
            f"127.0.0.1:{self.metrics}": "127.0.0.1:9469",
            f"127.0.0.1:{self.prometheus}": "127.0.0.1:9090",
            f"127.0.0.1:{self.mailbox.port}": "127.0.0.1:8010",
            str(self.folder): "~/capstone",
        }  # fmt: skip

    def stop_serving(self) -> None:
        kept = self.folder / "serving" / "pid"
        if kept.exists():
            with suppress(ProcessLookupError):
                os.killpg(int(kept.read_text()), signal.SIGTERM)


def _wheels() -> dict[str, str]:
    """New environments are made from the wheels that the Makefile put beside this one, and from
    nothing else: no step of the story needs a network."""
    wheels = Path(sys.prefix) / "wheels"
    if not wheels.is_dir():
        raise Unexpected(f"There is no {wheels}, which `make capstone` fills.")
    return {
        "UV_FIND_LINKS": str(wheels), "UV_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }  # fmt: skip
