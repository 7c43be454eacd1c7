"""The workflows of a repository with several environments, made from those for one (`init`). Pure.

`reconcile`, `heal`, `verify` and `health` become one file for each environment, with its own
schedule, its own GitHub environments, one writer for each registry, and its own outputs (the jobs
of a matrix would overwrite each other's). `plan` stays one file, whose job runs for each
environment. `validate` reports what changes in each. `check` stays one file, which asks the person
who starts it for the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mlflow_gitops.core.manifests.environments import Environment
from mlflow_gitops.core.yaml.text_edits import quoted

FOLDER = ".github/workflows"
LEFT_OUT = ("pages.yml", "promote.yml", "propose.yml", "propose-hourly.yml")
"""Workflows that work with one MLflow and are not supported for several yet."""

_CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_PERMISSIONS = "\npermissions: {}\n"
_JOB = re.compile(r"^( +)environment: mlflow-read$", re.MULTILINE)
_INPUTS = "    inputs:\n"
_BRANCH = "          BRANCH: ${{ github.event.repository.default_branch }}\n"
_GIT_NAME = "          GIT_AUTHOR_NAME: mlflow-gitops\n"
_RENDER = re.compile(
    r'^( +)mlflow-gitops (render "\$template" .*) --to "\$folder/(\$\{name%%\.\*\})"$', re.MULTILINE
)
_LOG = re.compile(r'^( +)mlflow-gitops (--main HEAD log .*) (>>"\$page")$', re.MULTILINE)


def for_environments(
    name: str, text: str, environments: Sequence[Environment]
) -> Iterator[tuple[str, str]]:
    """The files (name, text) that one workflow becomes in a repository with several
    environments."""
    if name in ("reconcile.yml", "heal.yml", "verify.yml", "health.yml"):
        stem = name.removesuffix(".yml")
        yield from (
            (f"{stem}-{environment.name}.yml", _for_one(stem, text, environment, environments))
            for environment in environments
        )
    elif name == "plan.yml":
        yield name, _plan(text, environments)
    elif name == "validate.yml":
        yield name, _validate(text, environments)
    elif name == "check.yml":
        yield name, _check(text, environments)
    elif name == "deployments.yml":
        yield name, _deployments(text, environments)
    elif name not in LEFT_OUT:
        yield name, text


def _for_one(
    stem: str, text: str, environment: Environment, environments: Sequence[Environment]
) -> str:
    text = text.replace(f"\nname: {stem}\n", f"\nname: {stem}-{environment.name}\n", 1)
    for group in ("mlflow-registry", "verify", "health"):
        text = text.replace(f"group: {group}\n", f"group: {group}-{environment.name}\n", 1)
    text = text.replace("/reconcile.yml/", f"/reconcile-{environment.name}.yml/", 1)
    text = _with_variable(text, _plain(environment.name))
    text = text.replace("environment: mlflow-read\n", f"environment: {_plain(environment.read)}\n")
    text = text.replace(
        "environment: mlflow-write\n", f"environment: {_plain(environment.write)}\n"
    )
    return _with_credentials(text, [other for other in environments if other != environment])


def _plan(text: str, environments: Sequence[Environment]) -> str:
    entries = "".join(
        f"\n          - {{name: {_plain(environment.name)}, read: {_plain(environment.read)}}}"
        for environment in environments
    )
    matrix = (
        f"    strategy:\n      fail-fast: false\n      matrix:\n        include:{entries}\n"
        "    environment: ${{ matrix.read }}"
    )
    text = text.replace("    name: plan\n", "    name: plan ${{ matrix.name }}\n", 1)
    text = _JOB.sub(lambda _: matrix, text, count=1)
    text = text.replace("    env:\n", "    env:\n      MLFLOW_GITOPS_ENV: ${{ matrix.name }}\n", 1)
    return _with_credentials(text, environments)


def _validate(text: str, environments: Sequence[Environment]) -> str:
    def for_each(match: re.Match[str]) -> str:
        lines = (
            "for name in $ENVIRONMENTS; do",
            r"""  printf '\n## %s\n\n' "$name" """.rstrip(),
            f'  mlflow-gitops --env "$name" {match[2]}',
            f"done {match[3]}",
        )
        return "\n".join(match[1] + line for line in lines)

    names = _plain(" ".join(environment.name for environment in environments))
    text = _LOG.sub(for_each, text, count=1)
    return text.replace(_BRANCH, f"{_BRANCH}          ENVIRONMENTS: {names}\n", 1)


def _check(text: str, environments: Sequence[Environment]) -> str:
    """Each job gets its GitHub environment by the input `environment`, which offers those of the
    list alone. The job that runs the model has none here, either."""
    names = ", ".join(_plain(environment.name) for environment in environments)
    field = (
        "      environment:\n        description: The environment that has the version\n"
        f"        required: true\n        type: choice\n        options: [{names}]\n"
    )
    text = text.replace(_INPUTS, _INPUTS + field, 1)
    chosen = "${{ inputs.environment }}"
    text = text.replace("\nrun-name: check ", f"\nrun-name: check {chosen} ", 1)
    text = text.replace("group: check-", f"group: check-{chosen}-", 1)
    text = _with_variable(text, chosen)
    for default, github_names in (
        ("mlflow-read", {entry.name: entry.read for entry in environments}),
        ("mlflow-check", {entry.name: entry.check for entry in environments}),
    ):
        choice = " || ".join(
            f"inputs.environment == '{name}' && '{github_name}'"
            for name, github_name in github_names.items()
        )
        pattern = rf"^(    environment:) {default}\b"
        text = re.sub(pattern, rf"\1 ${{{{ {choice} }}}}", text, flags=re.MULTILINE)
    return text


def _with_variable(text: str, environment: str) -> str:
    """A workflow whose commands speak of this environment."""
    if "\nenv:\n" not in text:
        text = text.replace(_PERMISSIONS, f"{_PERMISSIONS}\nenv:\n", 1)
    return text.replace("\nenv:\n", f"\nenv:\n  MLFLOW_GITOPS_ENV: {environment}\n", 1)


def _deployments(text: str, environments: Sequence[Environment]) -> str:
    """One job for all, since there is one branch. Each environment has a folder of its own
    there."""

    def for_each(match: re.Match[str]) -> str:
        lines = (
            "for environment in $ENVIRONMENTS; do",
            f'  mlflow-gitops --env "$environment" {match[2]}'
            f' --to "$folder/$environment/{match[3]}"',
            "done",
        )
        return "\n".join(match[1] + line for line in lines)

    names = [environment.name for environment in environments]
    runs = ", ".join(f"{workflow}-{name}" for name in names for workflow in ("reconcile", "heal"))
    text = text.replace("workflows: [reconcile, heal]", f"workflows: [{runs}]", 1)
    text = _RENDER.sub(for_each, text, count=1)
    variable = f"          ENVIRONMENTS: {_plain(' '.join(names))}\n"
    return text.replace(_GIT_NAME, variable + _GIT_NAME, 1)


def _plain(name: str) -> str:
    """A name as a YAML string: plain, or quoted if YAML would read it as another type (`null`)."""
    return quoted(name, None)


def _with_credentials(text: str, other_environments: Sequence[Environment]) -> str:
    """Add the secrets with which versions of other environments are read for a promotion."""
    last = f"          {_CREDENTIALS[-1]}: ${{{{ secrets.{_CREDENTIALS[-1]} }}}}\n"
    names = [
        environment.variable_name(name)
        for environment in other_environments
        for name in _CREDENTIALS
    ]
    return text.replace(
        last, last + "".join(f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in names)
    )
