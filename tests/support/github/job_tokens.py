"""The tokens of a workflow's jobs."""

from __future__ import annotations

import re

import yaml

from tests.support.github_api import GitHubAPI

APP_PERMISSIONS = {"contents": "write", "pull-requests": "write"}
"""What the workflows ask for when they take the token of an App."""
_BOT = "github-actions[bot]"


def with_job_tokens(api: GitHubAPI, text: str, *, may_write: bool) -> str:
    """A workflow in which each job has a token of its own, with the permissions that it lists, as
    on GitHub; act gives one token to all."""
    workflow = yaml.safe_load(text)
    top, _, jobs = text.partition("\njobs:\n")
    sections = re.split(r"^  (?=[\w-]+:)", jobs, flags=re.MULTILINE)[1:]
    made = []
    for section in sections:
        job = workflow["jobs"][section.partition(":")[0]]
        given = job.get("permissions", workflow.get("permissions")) or {}
        permissions = {
            scope: level if may_write or level == "none" else "read"
            for scope, level in given.items()
        }
        token = api.token(_BOT, installation=True, permissions=permissions)
        made.append(section.replace("github.token", f"'{token}'"))
    return top + "\njobs:\n" + "".join(f"  {section}" for section in made)
