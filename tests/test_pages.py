"""Every command block of every page is run, as far as a test may; nothing is passed over.

A block that no rule here knows fails, and so does an entry of a table that no page has any more.
`mlflow-gitops` and git run in the repository of `support/acme.py`, one page in one shell; `make` is
asked what it would do; YAML is read by the program that reads such files.
"""

from __future__ import annotations

import argparse
import configparser
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from mlflow_gitops.settings import Settings, utc_now
from tests.support.acme import Acme
from tests.support.console.arguments import root_command
from tests.support.console.shell import Shell
from tests.support.project.pages import ROOT, Block, blocks, commands_in_text, pages

PICTURES = {
    ("tests/capstone/README.md", "posts.csv ──► train.py ──► MLflow: versi"),
    ("tools/mlflow_gitops/README.md", "cli/ ─► commands/ ─► app/ ─► edges/   gi"),
    ("tools/mlflow_gitops/DESIGN.md", "registry/              manifests and pol"),
    ("tools/mlflow_gitops/DESIGN.md", "git, files ─► snapshot ─┐"),
    ("tools/mlflow_gitops/DESIGN.md", 'validate  {"manifests": 3, "errors": [{"'),
}  # fmt: skip
"""Drawings: nothing in them can be run."""

ELSEWHERE = {
    ("README.md", "pip install ."): (
        "tests/test_newcomer.py", "run line by line, on a server that others filled",
    ),
    ("README.md", "$ mlflow-gitops plan"): (
        "tests/test_pages.py", "compared with what plan prints of such models, below",
    ),
    (".github/SECURITY.md", "[mlflow]"): (
        "tests/lanes/test_servers_of_every_kind.py",
        "a server with these settings, in the real lane: it needs flask-wtf",
    ),
    (".github/SECURITY.md", "export MLFLOW_AUTH_CONFIG_PATH=/srv/mlfl"): (
        "tests/lanes/test_servers_of_every_kind.py", "the same, with folders of its own",
    ),
    (".github/SECURITY.md", "from mlflow.server.auth.client import Au"): (
        "tests/lanes/test_servers_of_every_kind.py", "the same calls",
    ),
    ("registry/README.md", "mlflow-gitops --env prod promote fraud-d"): (
        "tests/lanes/test_promotion_between.py", "between two registries, which it makes",
    ),
    (".github/workflows/README.md", "curl --fail --header \"Authorization: Bea"): (
        "tests/commands/test_propose.py", "what it starts; the address is GitHub's own",
    ),
    ("tools/deploy/README.md", "kubectl create namespace mlflow-gitops"): (
        "tests/packaging/test_kubernetes.py", "asks for a cluster; the files are checked there",
    ),
    ("tools/mlflow_gitops/README.md", '[project.entry-points."mlflow_gitops.gat'): (
        "tests/lanes/test_plugin_gates.py", "its package has such an entry point",
    ),
    ("tools/mlflow_gitops/README.md", "import mlflow"): (
        "tests/lanes/test_fetch.py", "the same calls, with files of its own",
    ),
    ("tools/mlflow_gitops/README.md", 'from mlflow_gitops.gates import Finding,'): (
        "tests/lanes/test_plugin_gates.py", "its package has such a gate",
    ),
}  # fmt: skip
"""Blocks that another test runs, or does what they say: which one, and how."""

WRITTEN = {"tests/capstone/README.md": "tests/capstone/teller.py"}
"""Pages whose consoles a program writes, which then fails where a run tells another story (`make
capstone`)."""

CHECKED = {"registry/codes.md": "tests/test_codes.py"}
"""Pages whose blocks are parts of files, which a test of their own checks."""

PIP = re.compile(r"(?:\S*/)?pip install (.+)")


@pytest.mark.parametrize("page", [page for page in pages() if blocks(page) and page not in CHECKED])
def test_the_blocks_of_a_page(page: str, request: pytest.FixtureRequest) -> None:
    shell: Shell | None = None
    for block in blocks(page):
        if (reader := READERS.get(block.language)) is not None:
            reader(block)
            continue
        if (
            block.key in PICTURES
            or block.key in ELSEWHERE
            or (page in WRITTEN and block.language == "console")
        ):
            continue
        assert block.language in (
            "",
            "sh",
            "bash",
            "console",
        ), f"{block.key}: no test knows {block.language}"
        for line in block.lines:
            if (check := checked(line)) is not None:
                check()
                continue
            acme: Acme = request.getfixturevalue("acme")
            shell = shell or acme.shell()
            ran = shell.run(line.removeprefix("$ "))
            assert ran.code == 0, f"{page}: {line}\n{ran.out}{ran.err}"


def test_the_tables_here_name_what_there_is() -> None:
    known = {block.key for page in pages() for block in blocks(page)}
    assert PICTURES | ELSEWHERE.keys() <= known, (PICTURES | ELSEWHERE.keys()) - known
    for file in (*(file for file, _ in ELSEWHERE.values()), *WRITTEN.values(), *CHECKED.values()):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("page", [page for page in pages() if commands_in_text(page)])
def test_commands_in_a_text_are_ones_that_there_are(page: str) -> None:
    """Their words are placeholders, so they are not run: each command and each of its options is
    looked up."""
    root = root_command()
    for span in commands_in_text(page):
        words = [
            word.strip("[].,…") for word in shlex.split(span.replace("'", ""), comments=True)[1:]
        ]
        command, known = root, option_names(root)
        for word in words:
            name = word.partition("=")[0]
            if word in getattr(command, "commands", {}):
                command = command.commands[word]
                known |= option_names(command)
            elif name.startswith("-"):
                assert name in known, f"{page}: {span} has no option {name}"
        assert command is not root or all(word.startswith("-") for word in words), (
            f"{page}: there is no `{span}`"
        )


def option_names(command: Any) -> set[str]:
    names = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    return {*names, "--help", "-h", "--install-completion", "--show-completion"}


# -- what is looked at and not run -----------------------------------------------------------------


def checked(line: str) -> Callable[[], None] | None:
    """How to look at a line that a test may not run; None for one that it may. A remark stands
    behind two spaces or a #."""
    said = re.split(r"\s{2,}|\s#", line.removeprefix("$ "))[0].strip()
    if said.startswith("#"):
        return lambda: None
    if said.startswith("make"):
        return lambda: would_make(shlex.split(said)[1:])
    if said == ".ci/run":
        return lambda: is_run_by_ci(said)
    if (pip := PIP.fullmatch(said)) is not None:
        return lambda: could_be_installed(shlex.split(pip[1]))
    return None


def would_make(words: list[str]) -> None:
    """There are such a target and such a variable, and the program behind takes the arguments."""
    done = subprocess.run(
        ["make", "-n", "--no-print-directory", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            assert re.search(rf"^{name}\s*\?=", makefile, re.M), (
                f"the Makefile has no variable {name}"
            )
        if name == "ARGS":
            module = re.search(r"python -m (tests\.\w+)", done.stdout)
            assert module is not None, f"{words}: no program takes ARGS"
            takes(module[1], shlex.split(value))


class Taken(Exception):
    """The arguments were understood."""


def takes(module: str, arguments: list[str]) -> None:
    """A program's own parser takes the arguments; nothing is run."""
    import importlib

    real = argparse.ArgumentParser.parse_args

    def parse(parser: argparse.ArgumentParser, *_: Any) -> Any:
        real(parser, arguments)
        raise Taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", parse)
        patch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(Taken):
            importlib.import_module(f"{module}.__main__").main()


def is_run_by_ci(file: str) -> None:
    asked = subprocess.run(
        ["git", "ls-files", "--stage", file], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert asked.stdout.startswith("100755"), f"{file} is not there, or nobody may run it"


def could_be_installed(words: list[str]) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for word in words:
        if word == "." or word.startswith(".["):
            extras = Requirement(f"here{word[1:]}").extras
        else:
            requirement = Requirement(word)
            assert requirement.name in ("mlflow-gitops", "pre-commit"), f"pip install {word}"
            extras = requirement.extras
        for extra in extras:
            assert re.search(rf"^{extra} = \[", project, re.M), f"there is no extra {extra}"


# -- YAML and other languages ----------------------------------------------------------------------


def read_yaml(block: Block) -> None:
    """A manifest or a policy is right; a remark names files that there are; anything else is read
    by its keys. What a page shortens is given its length back."""
    text = re.sub(r"(sha256:)?\b(m-)?([0-9a-f]+)…", _lengthened, block.text)
    content = yaml.safe_load(text)
    if content is None:
        for schema in re.findall(r"\$schema=(?:\.\./)*(\S+)", text):
            assert (ROOT / schema).is_file(), schema
        return
    if isinstance(content, list):
        content = {"jobs": {"of the page": {"steps": content}}}
    if all(isinstance(one, dict) and "tracking_uri" in one for one in content.values()):
        read_environments(text)
        return
    for keys, read in KINDS.items():
        if keys <= {str(key) for key in content}:
            read(content, text)
            return
    raise AssertionError(f"{block.key}: no test knows such YAML")


def _lengthened(found: re.Match[str]) -> str:
    digest, prefix, shown = found[1] or "", found[2] or "", found[3]
    return digest + prefix + shown.ljust(64 if digest else 32, "0")


def read_manifest(content: Any, text: str) -> None:
    """The whole of one, or a part below a remark that says whose."""
    file = re.match(r"# (\S+/models/(?:\S+/)?(\S+)\.yaml)\n", text)
    if "name" not in content and file is not None:
        text = f"name: {file[2]}\n{text}"
        content = {"name": file[2], **content}
    from mlflow_gitops.core.manifests.manifest import read_manifest as read

    _, document = read(text.encode(), f"registry/models/{content['name']}.yaml")
    assert not document.problems, document.problems


def read_policy(content: Any, text: str) -> None:
    from mlflow_gitops.core.manifests.policy_file import read_policy as read

    _, problems = read(text.encode(), "registry/policy.yaml")
    assert not problems, problems


def read_environments(text: str) -> None:
    from mlflow_gitops.core.manifests.environments import read_environments as read

    _, problems = read(text.encode(), "registry")
    assert not problems, problems


def read_hooks(content: Any, text: str) -> None:
    ours = {
        hook["id"]
        for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    }
    named = {hook["id"] for repo in content["repos"] for hook in repo["hooks"]}
    assert named and named <= ours, named - ours


def read_workflow(content: Any, text: str) -> None:
    steps = [step for job in content["jobs"].values() for step in job["steps"]]
    action = yaml.safe_load(
        (ROOT / ".github/actions/mlflow-gitops/action.yml").read_text(encoding="utf-8")
    )
    for step in steps:
        if "/actions/mlflow-gitops@" in step.get("uses", ""):
            assert set(step.get("with", {})) <= set(action["inputs"]), step


def read_notify(content: Any, text: str) -> None:
    from mlflow_gitops.core.notifying.settings import read_notify as read

    assert read(text.encode(), "registry/notify.yaml")[1] == []


KINDS: dict[frozenset[str], Callable[[Any, str], None]] = {
    frozenset({"name", "stages"}): read_manifest,
    frozenset({"repos"}): read_hooks,
    frozenset({"jobs"}): read_workflow,
    frozenset({"stages", "versions"}): read_manifest,
    frozenset({"stages"}): read_policy,
    frozenset({"models"}): read_policy,
    frozenset({"accounts"}): read_policy,
    frozenset({"channels", "rules"}): read_notify,
}


def read_ini(block: Block) -> None:
    configparser.ConfigParser().read_string(block.text)


def read_python(block: Block) -> None:
    compile(block.text, block.page, "exec")


def read_toml(block: Block) -> None:
    """The entry point that the page shows is the one that the example plug-in has; a settings file
    is right."""
    if "registry_dir" in block.text:
        from mlflow_gitops.core.settings_file import read_file_settings

        read_file_settings(block.text.encode(), None)
        return
    lines = block.text.replace('"', "").replace("project.entry-points.", "").splitlines()
    entry_points = ROOT / "tests/support/plugin/fairness_gate-1.0.dist-info/entry_points.txt"
    assert set(lines) <= set(entry_points.read_text("utf-8").splitlines())


READERS: dict[str, Callable[[Block], None]] = {
    "yaml": read_yaml,
    "ini": read_ini,
    "python": read_python,
    "toml": read_toml,
}


# -- what the first page shows ---------------------------------------------------------------------

GATES = """\
owners: ["@acme/ml-platform"]
stages:
  Staging: {}
  Production:
    alias: production
    from: [Staging]
    soak: 24h
    require:
      metrics: {accuracy: {min: 0.9}, latency_p95_ms: {max: 50}}
      no_worse_than: {stage: Production, metrics: {accuracy: {tolerance: 0.01}}}
overrides: [soak, metrics]
"""


def test_the_plan_that_the_first_page_shows(acme: Acme) -> None:
    """Such models, such a policy, three days later: each line of the page is printed."""
    [shown] = [block for block in blocks("README.md") if block.key[1] == "$ mlflow-gitops plan"]
    acme.team.write("policy.yaml", GATES)
    acme.team.commit("Gates")
    acme.team.git("push", "-q", "origin", "main")
    assert acme.team.run("reconcile", "--yes").code == 0, "the gates are in force"
    acme.team.git("merge", "-q", "--no-ff", "-m", "Promote 14: recall +1.2 pt (#128)", "candidate")
    acme.shelf.stage("churn", 8, "None")

    shell = acme.shell()
    shell.settings = Settings(now=lambda: utc_now() + timedelta(days=3, minutes=1))
    ran = shell.run("mlflow-gitops plan")
    assert ran.code == 4

    def lines_of(text: str) -> list[str]:
        """Each line, with one id for all commits."""
        return [re.sub(r"\b[0-9a-f]{7}\b", "0000000", line.rstrip()) for line in text.splitlines()]

    printed = lines_of(ran.out)
    missing = [line for line in lines_of(shown.text)[1:] if line not in printed]
    assert not missing, "\n".join([*missing, "--", ran.out])
