"""Ask GitHub itself what no test can know (see README.md here), and record its answers.

    GITHUB_TOKEN=… python -m tests.recorded.record OWNER/NAME

The repository must be public and have the topic `mlflow-gitops-throwaway`: its main branch gets
three workflows and a protection, and a pull request is merged there. The token needs Actions,
Administration, Contents, Pull requests and Workflows of that repository.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import requests

from tests.recorded.probes import BRANCH, CHECK, STATUS, WORKFLOWS

TOPIC = "mlflow-gitops-throwaway"
FOLDER = Path(__file__).parent
ASSUMED: dict[str, Any] = {
    "1 a dispatched run's check lets merge": False,
    "1 a commit status of a dispatched run lets merge": True,
    "2 a dispatch by GITHUB_TOKEN is followed by workflow_run": False,
    "3 a pull request by GITHUB_TOKEN has runs that wait for approval": True,
    "20 a merge is listed within 3.5 seconds": True,
}
"""What the product and the GitHub of the tests assume, by row of the findings."""
OPEN: tuple[str, ...] = ("17 a run that waits for approval is followed by workflow_run",)
"""What neither relies on: plan.yml plans nothing for such a run in any case."""


class NotForThis(Exception):
    """The repository is not one to throw away."""


@dataclass
class RealRun:
    """One run. `wait` (seconds) passes time; tests let their GitHub work meanwhile."""

    repository: str
    token: str
    api: str = "https://api.github.com"
    wait: Callable[[float], None] = time.sleep
    tries: int = 60
    exchanges: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        """Return the answers, by the names of ASSUMED and OPEN."""
        main = self._prepare()
        answers: dict[str, Any] = {}
        try:
            self._until(lambda: self._dispatched(main), bool)
            pull = self._until(self._pull, bool)
            head = pull["head"]["sha"]
            self._until(lambda: self._statuses(head), lambda found: STATUS in found)
            answers |= self._runs(head)
            answers |= self._protected(main, pull["number"])
            answers |= self._merged(main, pull["number"])
        finally:
            self._call("DELETE", f"branches/{main}/protection", allowed=(404,))
            self._call("DELETE", f"git/refs/heads/{BRANCH}", allowed=(404, 422))
        return answers

    def _prepare(self) -> str:
        repository = self._call("GET", "")
        if repository["private"] or TOPIC not in repository.get("topics", ()):
            raise NotForThis(f"{self.repository} is not public, or lacks the topic {TOPIC}.")
        for name, text in WORKFLOWS.items():
            path = f"contents/.github/workflows/{name}"
            present = self._call("GET", path, allowed=(404,))
            body = {
                "message": f"Probe: {name}",
                "content": base64.b64encode(text.encode()).decode(),
            }
            if present.get("sha"):
                body["sha"] = present["sha"]
            self._call("PUT", path, body)
        rights = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True}
        self._call("PUT", "actions/permissions/workflow", rights)
        return str(repository["default_branch"])

    def _dispatched(self, main: str) -> bool:
        """Whether GitHub took the dispatch: it knows a workflow some seconds after its push."""
        path = "actions/workflows/probe.yml/dispatches"
        self._call("POST", path, {"ref": main}, allowed=(404, 422))
        return int(self.exchanges[-1]["status"]) < 400

    def _pull(self) -> dict[str, Any]:
        owner = self.repository.partition("/")[0]
        pulls = self._call("GET", f"pulls?state=open&head={owner}:{BRANCH}")
        return dict(pulls[0]) if pulls else {}

    def _statuses(self, head: str) -> set[str]:
        return {one["context"] for one in self._call("GET", f"commits/{head}/status")["statuses"]}

    def _runs(self, head: str) -> dict[str, Any]:
        """What ran for the pull request, and after it."""

        def listed() -> list[dict[str, Any]]:
            return list(self._call("GET", f"actions/runs?head_sha={head}")["workflow_runs"])

        runs = self._until(
            listed, lambda found: bool(found) and all(run["status"] == "completed" for run in found)
        )
        self.wait(30)  # a run that follows begins some seconds later
        after = self._call("GET", "actions/runs?event=workflow_run")["workflow_runs"]
        titles = [run["display_title"] for run in after]
        waiting = [run for run in runs if run["conclusion"] == "action_required"]
        return {
            "2 a dispatch by GITHUB_TOKEN is followed by workflow_run": any(
                title.startswith("after workflow_dispatch") for title in titles
            ),
            "3 a pull request by GITHUB_TOKEN has runs that wait for approval": bool(waiting),
            "17 a run that waits for approval is followed by workflow_run": any(
                title.endswith("action_required") for title in titles
            ),
        }

    def _protected(self, main: str, number: int) -> dict[str, Any]:
        """Whether the pull request may be merged where each check alone is required."""
        found = {}
        for question, check in (
            ("1 a dispatched run's check lets merge", CHECK),
            ("1 a commit status of a dispatched run lets merge", STATUS),
        ):
            protection = {
                "required_status_checks": {"strict": False, "contexts": [check]},
                "enforce_admins": True,
                "required_pull_request_reviews": None,
                "restrictions": None,
            }
            self._call("PUT", f"branches/{main}/protection", protection)
            self.wait(10)  # GitHub works the state out in the background
            pull = self._until(
                lambda: self._call("GET", f"pulls/{number}"),
                lambda pull: pull["mergeable_state"] != "unknown",
            )
            found[question] = pull["mergeable_state"] != "blocked"
        return found

    def _merged(self, main: str, number: int) -> dict[str, Any]:
        """How soon a merge is listed; nothing protects the branch meanwhile, whatever counts."""
        self._call("DELETE", f"branches/{main}/protection", allowed=(404,))
        sha = self._call("PUT", f"pulls/{number}/merge", {"merge_method": "squash"})["sha"]
        began = time.monotonic()
        self._until(lambda: self._call("GET", f"commits/{sha}/pulls"), bool, 0.5)
        return {"20 a merge is listed within 3.5 seconds": time.monotonic() - began < 3.5}

    def _until(
        self, read: Callable[[], Any], is_there: Callable[[Any], bool], pause: float = 5.0
    ) -> Any:
        for _ in range(self.tries):
            if is_there(found := read()):
                return found
            self.wait(pause)
        raise TimeoutError(f"GitHub did not get there in {self.tries} tries; see its Actions page.")

    def _call(self, method: str, path: str, body: Any = None, allowed: tuple[int, ...] = ()) -> Any:
        address = f"{self.api}/repos/{self.repository}/{path}".rstrip("/")
        headers = {
            "Authorization": f"Bearer {self.token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        answer = requests.request(method, address, json=body, headers=headers, timeout=30)
        content = answer.json() if answer.content else {}
        self.exchanges.append(
            {"request": f"{method} {path}", "status": answer.status_code, "answer": content}
        )
        if answer.status_code >= 400 and answer.status_code not in allowed:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {content}")
        return content


def write(run: RealRun, answers: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Keep the answers, and what GitHub said, as a fixture."""
    now = datetime.now(timezone.utc)
    record = {"at": now.isoformat(), "answers": dict(answers), "exchanges": run.exchanges}
    path = folder / f"{now:%Y-%m-%d}.json"
    path.write_text(json.dumps(record, indent=1).replace(run.token, "TOKEN"), encoding="utf-8")
    return path


def differences(answers: Mapping[str, Any]) -> list[str]:
    """What GitHub does otherwise than is assumed."""
    return [
        f"{question}: assumed {assumed}, GitHub says {answers.get(question)}"
        for question, assumed in ASSUMED.items()
        if answers.get(question) != assumed
    ]


def main() -> int:
    token = os.environ.get("GITHUB_TOKEN", "")
    if len(sys.argv) != 2 or not token:
        print(__doc__, file=sys.stderr)
        return 64
    run = RealRun(
        sys.argv[1],
        token,
        os.environ.get("GITHUB_API_URL", "https://api.github.com"),
    )
    try:
        answers = run.run()
    except (NotForThis, RuntimeError, TimeoutError, requests.RequestException) as error:
        print(f"error: {str(error).replace(token, 'TOKEN')}", file=sys.stderr)
        return 1
    path = write(run, answers)
    for question, answer in sorted(answers.items()):
        print(f"{question}: {answer}")
    print(f"Recorded in {path}.")
    for difference in differences(answers):
        print(f"NOT AS ASSUMED: {difference}")
    return 1 if differences(answers) else 0


if __name__ == "__main__":
    sys.exit(main())
