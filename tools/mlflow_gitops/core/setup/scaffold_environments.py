"""The workflows of a repository with several environments, made from those that serve one (`init`).
Pure.

`reconcile` becomes a file for each environment: its own schedule of runs, its own GitHub
environments, one writer a registry, and its own outputs (a matrix's jobs would overwrite each
other's). `plan` stays one file, whose job runs for each of them; `validate` tells what changes in
each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mlflow_gitops.core.manifests.environments import Environment
from mlflow_gitops.core.yaml.text_edits import quoted

FOLDER = ".github/workflows"
LEFT_OUT = ("pages.yml", "promote.yml", "propose.yml")
"""Workflows that speak of one MLflow, and have no form for several yet."""

_CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_PERMISSIONS = "\npermissions: {}\n"
_JOB = re.compile(r"^( +)environment: mlflow-read$", re.MULTILINE)
_BRANCH = "          BRANCH: ${{ github.event.repository.default_branch }}\n"
_LOG = re.compile(
    r'^( +)mlflow-gitops (--main HEAD log .*) (>>"\$GITHUB_STEP_SUMMARY")$', re.MULTILINE
)


def for_environments(
    name: str, text: str, places: Sequence[Environment]
) -> Iterator[tuple[str, str]]:
    """A shipped workflow as it is written where there are several environments: file name and text,
    of each file."""
    if name == "reconcile.yml":
        yield from (
            (f"reconcile-{place.name}.yml", _reconcile(text, place, places)) for place in places
        )
    elif name == "plan.yml":
        yield name, _plan(text, places)
    elif name == "validate.yml":
        yield name, _validate(text, places)
    elif name not in LEFT_OUT:
        yield name, text


def _reconcile(text: str, place: Environment, places: Sequence[Environment]) -> str:
    text = text.replace("\nname: reconcile\n", f"\nname: reconcile-{place.name}\n", 1)
    text = text.replace("group: mlflow-registry\n", f"group: mlflow-registry-{place.name}\n", 1)
    if "\nenv:\n" not in text:
        text = text.replace(_PERMISSIONS, f"{_PERMISSIONS}\nenv:\n", 1)
    text = text.replace("\nenv:\n", f"\nenv:\n  MLFLOW_GITOPS_ENV: {_plain(place.name)}\n", 1)
    text = text.replace("environment: mlflow-read\n", f"environment: {_plain(place.read)}\n")
    text = text.replace("environment: mlflow-write\n", f"environment: {_plain(place.write)}\n")
    return _with_credentials(text, [other for other in places if other != place])


def _plan(text: str, places: Sequence[Environment]) -> str:
    entries = "".join(
        f"\n          - {{name: {_plain(place.name)}, read: {_plain(place.read)}}}"
        for place in places
    )
    matrix = (
        f"    strategy:\n      fail-fast: false\n      matrix:\n        include:{entries}\n"
        "    environment: ${{ matrix.read }}"
    )
    text = text.replace("    name: plan\n", "    name: plan ${{ matrix.name }}\n", 1)
    text = _JOB.sub(lambda _: matrix, text, count=1)
    text = text.replace("    env:\n", "    env:\n      MLFLOW_GITOPS_ENV: ${{ matrix.name }}\n", 1)
    return _with_credentials(text, places)


def _validate(text: str, places: Sequence[Environment]) -> str:
    def for_each(found: re.Match[str]) -> str:
        lines = (
            "for name in $ENVIRONMENTS; do",
            r"""  printf '\n## %s\n\n' "$name" """.rstrip(),
            f'  mlflow-gitops --env "$name" {found[2]}',
            f"done {found[3]}",
        )
        return "\n".join(found[1] + line for line in lines)

    names = _plain(" ".join(place.name for place in places))
    text = _LOG.sub(for_each, text, count=1)
    return text.replace(_BRANCH, f"{_BRANCH}          ENVIRONMENTS: {names}\n", 1)


def _plain(name: str) -> str:
    """A name as YAML takes it for text: plain, unless it is a word or a number to YAML, as `null`
    is."""
    return quoted(name, None)


def _with_credentials(text: str, others: Sequence[Environment]) -> str:
    """With the secrets by which an environment's version is read that is promoted to another one."""
    last = f"          {_CREDENTIALS[-1]}: ${{{{ secrets.{_CREDENTIALS[-1]} }}}}\n"
    names = [place.variable_name(name) for place in others for name in _CREDENTIALS]
    return text.replace(
        last, last + "".join(f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in names)
    )
