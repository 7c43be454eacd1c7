"""CODEOWNERS as GitHub reads it: who owns a path, by a small matcher of its own (RULES R9).

The matcher follows GitHub's page on code owners: gitignore's patterns without `!`, `[ ]` and an
escaped `#`; the last line that matches wins, and one without owners says that nobody owns the path.
"""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import Snapshot, SourceFile, build
from mlflow_gitops.core.setup import codeowners
from mlflow_gitops.core.setup.codeowners import (
    CodeOwners,
    block_lines,
    stale_block,
    stale_manifests,
)

PLATFORM = "@acme/ml-platform"
REGISTRY = RegistryFolder("registry")
PLACES = ["schemas/", "tools/", ".github/"]
EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", 20))
Owned = dict[str, list[str]]


def owners_of(text: str, path: str) -> list[str]:
    """Whom GitHub asks about a path."""
    found: list[str] = []
    for line in text.splitlines():
        fields = re.findall(r"(?:\\.|[^\s\\])+", re.sub(r"(^|(?<=\s))#.*", "", line))
        if fields and expression(fields[0]).fullmatch(path):
            found = fields[1:]
    return found


def expression(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression on a whole path."""
    assert not pattern.startswith(("!", "\\#")) and "[" not in pattern, (
        "GitHub would pass over this line"
    )
    anchored = "/" in pattern.rstrip("/")
    steps = re.findall(r"\\.|\*\*/|/\*\*|\*|\?|.", pattern.lstrip("/").rstrip("/"), re.DOTALL)
    meaning = {"**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*", "?": "[^/]"}
    inner = "".join(meaning.get(step, re.escape(step.removeprefix("\\"))) for step in steps)
    return re.compile(
        ("" if anchored else "(?:.*/)?") + inner + ("/.*" if pattern.endswith("/") else "(?:/.*)?"),
        re.DOTALL,
    )


def snapshot(
    manifests: Owned,
    *,
    platform: tuple[str, ...] = (PLATFORM,),
    folder: str = "",
    registry: RegistryFolder = REGISTRY,
) -> Snapshot:
    """A registry folder: model to its owners, every manifest in one sub-folder of models/."""
    policy = f"owners: [{', '.join(map(repr, platform))}]\n" if platform else "{}\n"
    files = [SourceFile(f"{registry}/policy.yaml", policy.encode())]
    for name, owners in manifests.items():
        listed = f"owners: [{', '.join(map(repr, owners))}]\n" if owners else ""
        text = f"name: '{name}'\n{listed}stages: {{}}\n"
        files.append(SourceFile(f"{registry}/models/{folder}{file_stem(name)}.yaml", text.encode()))
    made = build(files, registry)
    assert made.problems == []
    return made


def made(snapshot: Snapshot, text: str = "", registry: RegistryFolder = REGISTRY) -> str:
    return CodeOwners(".github/CODEOWNERS", text).with_block(
        registry, block_lines(snapshot, registry, PLACES)
    )


def test_the_matcher_knows_githubs_examples() -> None:
    """The examples of GitHub's own page."""
    text = (
        "*       @global-owner1 @global-owner2\n*.js    @js-owner #This is an inline comment.\n*.go"
        " docs@example.com\n*.txt @octo-org/octocats\n/build/logs/ @doctocat\ndocs/*"
        " docs@example.com\napps/ @octocat\n/docs/ @doctocat\n/scripts/ @doctocat @octocat\n**/logs"
        " @octocat\n/apps/ @octocat\n/apps/github\n"
    )
    for path, owners in {
        "README": ["@global-owner1", "@global-owner2"], "src/x.js": ["@js-owner"],
        "x.go": ["docs@example.com"],
        "build/logs/today": ["@octocat"], "deeply/nested/logs/x": ["@octocat"],
        "docs/getting-started.md": ["@doctocat"],
        "scripts/x.sh": ["@doctocat", "@octocat"], "apps/x": ["@octocat"], "apps/github": [],
        "apps/github/x": [],
    }.items():  # fmt: skip
        assert owners_of(text, path) == owners, path
    assert owners_of("docs/* @one\n", "docs/a.md") == ["@one"]
    assert owners_of("/a\\ b/ @one\n/c?d @two\n", "a b/x") == ["@one"]


def test_a_manifest_is_its_owners_and_all_else_the_platforms() -> None:
    text = made(snapshot({"fraud": ["@acme/risk-ml", "someone@example.org"], "churn": []}))
    assert owners_of(text, "registry/models/fraud.yaml") == ["@acme/risk-ml", "someone@example.org"]
    for path in (
        "registry/models/churn.yaml", "registry/models/still-to-come.yaml",
        "registry/models/nlp/new.yaml",
        "registry/policy.yaml", "registry/README.md", "schemas/model.schema.json",
        "tools/mlflow_gitops/cli/app.py",
        ".github/CODEOWNERS", ".github/workflows/plan.yaml",
    ):  # fmt: skip
        assert owners_of(text, path) == [PLATFORM], path
    assert owners_of(text, "src/train.py") == []


def test_the_platform_comes_last() -> None:
    """The last match wins: nobody takes the policy by a line further up (RULES R9)."""
    text = made(
        snapshot({"fraud": ["@acme/risk-ml"]}),
        "* @acme/everybody\n/registry/policy.yaml @acme/risk-ml\n",
    )
    assert owners_of(text, "registry/policy.yaml") == [PLATFORM]
    assert owners_of(text, "src/train.py") == ["@acme/everybody"]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line.split()[0] for line in lines[-4:]] == [
        "/registry/policy.yaml",
        "/schemas/",
        "/tools/",
        "/.github/",
    ]


@pytest.mark.parametrize(
    "folder",
    [
        "nlp/",
        "a b/",
        "#1/",
        "a #b/",
        "[x]/",
        "!not/",
        "a*b/",
        "wh?t/",
        "b\\s/",
        "größe/",
        "-/@x/",
        "n\tt/",
    ],
)
def test_odd_folders_and_names(folder: str) -> None:
    names = ["plain", "with space", "größe", "a#b", "[x]", "!no", "50%", ".hidden", "*", "a\\b"]
    made_of = snapshot({name: [f"@owner-{i}"] for i, name in enumerate(names)}, folder=folder)
    text = made(made_of)
    for i, name in enumerate(names):
        assert owners_of(text, made_of.manifests[name].file) == [f"@owner-{i}"], name


NAMES = st.text(
    st.characters(
        exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="/:'\ufeff\u200b"
    ),
    min_size=1,
    max_size=12,
)
TEXT = st.sampled_from(
    ["", "* @a\n", "# mine\n\n/x/ @b  # why\n", "/registry/ @me", "a\r\n\r\nb @c\r\n"]
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.dictionaries(
        NAMES.filter(lambda name: name.strip() == name and name.strip(".")),
        st.lists(st.sampled_from(["@a", "@b/c"]), unique=True),
        max_size=5,
    ),
    TEXT,
)
def test_every_manifest_and_a_second_run(owned: Owned, before: str) -> None:
    """Whatever the names, each manifest is its owners'; people's own lines stay; written again,
    nothing changes."""
    try:
        of = snapshot(owned)
    except AssertionError:
        return  # names that clash or that MLflow refuses
    text = made(of, before)
    for name, manifest in of.manifests.items():
        assert owners_of(text, manifest.file) == (owned[name] or [PLATFORM])
    assert made(of, text) == text
    mine = [line for line in before.splitlines() if line]
    assert [line for line in text.splitlines() if line][: len(mine)] == mine
    assert stale_block(CodeOwners("CODEOWNERS", text), made(of, text)) == []


def test_an_owner_that_would_hide_the_rest_is_left_out() -> None:
    text = made(
        snapshot({"fraud": ["#x@example.org", "@acme/risk-ml"], "churn": ["#x@example.org"]})
    )
    assert owners_of(text, "registry/models/fraud.yaml") == ["@acme/risk-ml"]
    assert owners_of(text, "registry/models/churn.yaml") == [PLATFORM]


def test_without_a_platform_team_there_are_only_the_manifests_lines() -> None:
    of = snapshot({"fraud": ["@acme/risk-ml"], "churn": []}, platform=())
    assert block_lines(of, REGISTRY, PLACES) == ["/registry/models/fraud.yaml @acme/risk-ml"]
    assert made(snapshot({"churn": []}, platform=())) == ""


def test_own_lines_stay_and_the_block_is_at_the_end() -> None:
    """Lines written after the block would win over it, so it moves behind them; they are not
    touched."""
    first = made(snapshot({"fraud": ["@one"]}), "# ours\n/docs/ @writers\n")
    changed = first + "\n/registry/policy.yaml @me\n"
    second = made(snapshot({"fraud": ["@two"]}), changed)
    assert second.startswith(
        "# ours\n/docs/ @writers\n\n/registry/policy.yaml @me\n\n# BEGIN mlflow-gitops /registry: "
    )
    assert owners_of(second, "registry/policy.yaml") == [PLATFORM]
    assert owners_of(second, "registry/models/fraud.yaml") == ["@two"] and "@one" not in second
    [problem] = stale_block(
        CodeOwners("CODEOWNERS", changed), made(snapshot({"fraud": ["@one"]}), changed)
    )
    assert (
        problem.code == "codeowners-stale" and problem.line == 4 and "at the end" in problem.message
    )


def test_two_registry_folders_in_one_file() -> None:
    live, test = (
        snapshot({"fraud": ["@live"]}, registry=RegistryFolder("live")),
        snapshot({"fraud": ["@test"]}, registry=RegistryFolder("test/models here")),
    )
    live_folder, test_folder = RegistryFolder("live"), RegistryFolder("test/models here")
    text = made(test, made(live, "* @all\n", live_folder), test_folder)
    assert made(live, text, live_folder) == text == made(test, text, test_folder)
    assert owners_of(text, "live/models/fraud.yaml") == ["@live"]
    assert owners_of(text, "test/models here/models/fraud.yaml") == ["@test"]


def test_line_endings_stay_and_a_block_without_its_end_loses_only_its_first_line() -> None:
    of = snapshot({"fraud": ["@one"]})
    windows = made(of, "* @a\r\n")
    assert windows.count("\r\n") == windows.count("\n") and made(of, windows) == windows
    cut = made(of).replace("# END mlflow-gitops /registry\n", "")
    assert made(of, cut).count("# BEGIN mlflow-gitops /registry") == 1
    assert owners_of(made(of, cut), "registry/models/fraud.yaml") == ["@one"]


def test_what_is_stale_has_a_line_and_a_way_out() -> None:
    before = made(snapshot({"churn": ["@c"], "fraud": ["@one"]}))
    after = snapshot({"churn": ["@c"], "fraud": ["@two"]})
    [problem] = stale_block(CodeOwners(".github/CODEOWNERS", before), made(after, before))
    assert (problem.file, problem.severity) == (".github/CODEOWNERS", "error")
    assert before.splitlines()[problem.line - 1] == "/registry/models/fraud.yaml @one"
    assert (
        "/registry/models/fraud.yaml @two" in problem.message
        and "Run mlflow-gitops codeowners" in problem.message
    )
    [gone] = stale_block(
        CodeOwners("CODEOWNERS", before), made(snapshot({"churn": ["@c"]}), before)
    )
    assert before.splitlines()[gone.line - 1] == "/registry/models/fraud.yaml @one"
    [empty] = stale_block(CodeOwners("CODEOWNERS", ""), made(after))
    assert empty.line == 1


@pytest.mark.parametrize(
    ("line", "found"),
    [("/registry/models/fraud.yaml @one", 0), ("/registry/models/fraud.yaml @two", 1), (None, 1)],
)
def test_some_manifests_alone(line: str | None, found: int) -> None:
    file = CodeOwners(
        "CODEOWNERS", made(snapshot({"fraud": ["@one"]}), "/registry/models/fraud.yaml @mine\n")
    )
    problems = stale_manifests(file, REGISTRY, [("registry/models/fraud.yaml", line)])
    assert len(problems) == found
    assert all(
        file.text.splitlines()[one.line - 1] == "/registry/models/fraud.yaml @one"
        for one in problems
    )
    [absent] = stale_manifests(
        file,
        REGISTRY,
        [("registry/models/new.yaml", "/registry/models/new.yaml @n")],
    )
    assert absent.line == 3, "at the head of the block"


def test_a_policy_with_owners_and_no_file() -> None:
    [problem] = codeowners.missing_file("registry/policy.yaml", snapshot({}))
    assert (problem.code, problem.severity) == ("codeowners-missing", "warning")
    assert codeowners.missing_file("registry/policy.yaml", snapshot({}, platform=())) == []
