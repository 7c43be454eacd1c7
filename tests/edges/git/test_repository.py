"""What is read from git is what the commits hold, whatever the user's settings, names and
neighbours are (RULES R1)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from mlflow_gitops.app.workspace import Settings, Workspace
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import SourceFile, build
from mlflow_gitops.core.yaml.document import MAX_BYTES
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.edges.system.files import registry_files
from mlflow_gitops.errors import GitFailure
from tests.support.git_histories import ISOLATED, REGISTRY, START, History, Repo, manifest

ALPHA = f"{REGISTRY}/models/alpha.yaml"
GOOD = {ALPHA: "name: alpha\nstages: {Production: 1}\n"}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own git settings and a surrounding hook's variables stay outside."""
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", ISOLATED["GIT_CONFIG_GLOBAL"])
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def clone(repo: Repo, folder: Path, *options: str) -> Git:
    subprocess.run(
        ["git", "clone", "-q", *options, repo.folder.as_uri(), str(folder)],
        check=True,
        capture_output=True,
    )
    return Git(folder)


# -- the main branch -------------------------------------------------------------------------------


def test_without_a_remote_the_local_branch_is_main(repo: Repo) -> None:
    repo.commit()
    repo.git("checkout", "-q", "-b", "trunk")
    assert Git(repo.folder).main_ref(None) == "trunk"


@pytest.mark.parametrize("name", ["main", "master"])
def test_detached_without_a_remote(repo: Repo, name: str) -> None:
    sha = repo.commit()
    repo.git("branch", "-m", name)
    repo.git("checkout", "-q", "--detach")
    assert Git(repo.folder).main_ref(None) == name
    repo.git("branch", "-D", name)
    assert Git(repo.folder).resolve(Git(repo.folder).main_ref(None)) == sha


@pytest.mark.parametrize(
    ("branches", "head", "expected"),
    [
        (("main", "master", "trunk"), "trunk", "origin/trunk"),
        (("main", "master"), None, "origin/main"),
        (("master", "other"), None, "origin/master"),
        (("main",), "gone", "origin/main"),
    ],
)
def test_the_remote_says_what_main_is(
    repo: Repo, branches: tuple[str, ...], head: str | None, expected: str
) -> None:
    base = repo.commit()
    repo.git("remote", "add", "origin", "nowhere")
    for i, name in enumerate(branches):
        repo.git("update-ref", f"refs/remotes/origin/{name}", repo.commit(str(i)))
    if head:
        repo.git("symbolic-ref", "refs/remotes/origin/HEAD", f"refs/remotes/origin/{head}")
    git = Git(repo.folder)
    repo.git("checkout", "-q", "-b", "feature", base)
    assert git.resolve(git.main_ref(None)) == repo.git("rev-parse", f"refs/remotes/{expected}")
    assert git.main_ref("feature") == "feature", "--main goes first"


def test_another_remote_serves_where_there_is_no_origin(repo: Repo) -> None:
    sha = repo.commit()
    repo.git("remote", "add", "upstream", "nowhere")
    repo.git("update-ref", "refs/remotes/upstream/main", sha)
    assert Git(repo.folder).main_ref(None) == "upstream/main"
    repo.git("remote", "add", "origin", "nowhere")
    with pytest.raises(
        GitFailure, match=r"main branch of origin is not known here.*git fetch origin.*--main"
    ):
        Git(repo.folder).main_ref(None)


@pytest.mark.parametrize("wanted", [None, "main", "origin/main"])
def test_a_tag_does_not_stand_in_for_the_main_branch(repo: Repo, wanted: str | None) -> None:
    """git takes a tag before a branch of the same name, and many more people may push a tag."""
    sha = repo.commit()
    if wanted != "main":
        repo.git("remote", "add", "origin", "nowhere")
        repo.git("update-ref", "refs/remotes/origin/main", sha)
    repo.git("checkout", "-q", "-b", "attack")
    other = repo.commit("Not reviewed")
    for tag in ("main", "origin/main"):
        repo.git("tag", tag, other)
    repo.git("checkout", "-q", sha)
    repo.git("symbolic-ref", "HEAD", "refs/heads/main")
    git = Git(repo.folder)
    assert git.resolve(git.main_ref(wanted)) == sha
    assert git.first_parents(git.main_ref(wanted)) == [sha]


def test_an_unknown_main_is_told(repo: Repo) -> None:
    repo.commit()
    with pytest.raises(GitFailure, match="This clone has no revision 'nope'"):
        Git(repo.folder).main_ref("nope")


# -- revisions -------------------------------------------------------------------------------------


def test_resolve(repo: Repo) -> None:
    git = Git(repo.folder)
    with pytest.raises(GitFailure, match=r"has no commits yet\. Commit the manifests first\."):
        git.resolve("HEAD")
    assert not git.has_commits()
    first, second = repo.commit("one"), repo.commit("two")
    repo.git("tag", "-a", "-m", "a tag", "v1", first)
    assert git.has_commits()
    for revision, sha in (
        ("HEAD", second),
        ("HEAD~1", first),
        ("v1", first),
        (first[:10], first),
        ("@", second),
    ):
        assert git.resolve(revision) == sha
    for revision in (
        "nope",
        "",
        "--all",
        "-n1",
        "^main",
        "HEAD:registry",
        "main..main",
        "0" * 40,
        "f" * 40,
        "HEAD^2",
    ):
        with pytest.raises(GitFailure, match="This clone has no revision"):
            git.resolve(revision)


def test_first_parents_leave_merged_commits_out(repo: Repo) -> None:
    history = History()
    history.add({"a": b"1"})
    side = history.branch({"a": b"1", "b": b"1"}, 0)
    history.add({"a": b"2"})
    history.add({"a": b"2", "b": b"1"}, side)
    ids = repo.build(history)
    assert Git(repo.folder).first_parents("main") == [ids[0], ids[2], ids[3]]


def test_the_main_line_before_the_first_commit(repo: Repo) -> None:
    """MLflow may well be managed from elsewhere already, and a plan says so."""
    git = Git(repo.folder)
    assert git.first_parents(git.main_ref(None)) == []
    repo.commit()
    with pytest.raises(GitFailure):
        git.first_parents("nope")


def test_a_branch_named_like_a_file(repo: Repo) -> None:
    sha = repo.commit(files={"main": "a file", **GOOD})
    assert Git(repo.folder).first_parents("main") == [sha]


def test_exists_takes_commits_alone(repo: Repo) -> None:
    sha = repo.commit(files=GOOD)
    git = Git(repo.folder)
    assert git.exists(sha)
    assert not git.exists("f" * 40)
    assert not git.exists(repo.git("rev-parse", f"HEAD:{ALPHA}"))
    assert not git.exists("no sha")


# -- where a repository is -------------------------------------------------------------------------


def test_found_from_a_sub_folder(repo: Repo) -> None:
    repo.commit(files=GOOD)
    assert Git.find(repo.folder / REGISTRY / "models").top == repo.folder.resolve()


def test_a_folder_whose_name_ends_in_a_space(tmp_path: Path) -> None:
    odd = Repo(tmp_path / "a repository ")
    odd.commit(files=GOOD)
    assert Git.find(odd.folder).has_commits()


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(GitFailure, match="is not in a git repository"):
        Git.find(tmp_path)
    with pytest.raises(GitFailure):
        Git.find(tmp_path / "nowhere")


def test_a_bare_repository(tmp_path: Path) -> None:
    bare = Repo(tmp_path / "bare.git", "--bare")
    with pytest.raises(GitFailure, match="bare git repository"):
        Git.find(bare.folder)


def test_a_repository_of_someone_else(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit(files=GOOD)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    if (
        subprocess.run(["git", "-C", str(repo.folder), "rev-parse"], capture_output=True).returncode
        == 0
    ):
        pytest.skip("this git trusts every owner")
    with pytest.raises(GitFailure, match=r"dubious ownership.*safe\.directory"):
        Git.find(repo.folder)


def test_no_git_at_all(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo.folder))
    with pytest.raises(GitFailure, match="git is not installed"):
        Git.find(repo.folder)


@pytest.mark.parametrize(
    ("death", "said"),
    [
        ("kill -9 $$", "it was ended by signal 9"),
        ("echo 'fatal: Out of memory, malloc failed' >&2; exit 128", "fatal: Out of memory"),
        ("exit 1", None),
    ],
)
def test_a_git_that_dies_has_not_said_that_there_is_nothing(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: str, said: str | None
) -> None:
    sha = repo.commit(files=GOOD)
    git = Git(repo.folder)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{death}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for ask in (
        lambda: git.ref("refs/heads/main"),
        git.branch,
        lambda: git.query("notes", "show", sha),
    ):
        if said is None:
            assert not ask()
        else:
            with pytest.raises(GitFailure, match=said):
                ask()
    assert git.attempt("push") is not None


def test_a_git_that_cannot_be_started(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").write_text("no program")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitFailure, match="git cannot be started: Exec format error"):
        Git(repo.folder).ref("HEAD")


def test_what_contains_what(repo: Repo) -> None:
    one, two = repo.commit("One"), repo.commit("Two")
    git, unknown = Git(repo.folder), "a" * 40
    assert git.contains(two, one) and git.contains(one, one) and not git.contains(one, two)
    assert not git.contains(one, unknown) and git.exists(one) and not git.exists(unknown)
    assert not git.exists(git.output("rev-parse", f"{one}^{{tree}}"))
    with pytest.raises(GitFailure, match="Not a valid commit name"):
        git.contains(unknown, one)


def test_the_variables_of_a_surrounding_hook(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = repo.commit(files=GOOD)
    other = Repo(tmp_path / "other")
    other.commit("Elsewhere", {"x": "y"})
    for key, value in (
        ("GIT_DIR", str(other.folder / ".git")),
        ("GIT_WORK_TREE", str(other.folder)),
        ("GIT_INDEX_FILE", str(other.folder / ".git/index")),
        ("GIT_OBJECT_DIRECTORY", str(other.folder / ".git/objects")),
        ("GIT_COMMON_DIR", str(other.folder / ".git")),
        ("GIT_PREFIX", "models/"),
        ("GIT_ICASE_PATHSPECS", "1"),
    ):
        monkeypatch.setenv(key, value)
    git = Git.find(repo.folder)
    assert git.resolve("HEAD") == sha
    assert git.dirty_paths(REGISTRY.paths) == []
    assert [file.path for file in git.files_at(sha, REGISTRY)] == [ALPHA]


def test_a_linked_worktree(repo: Repo, tmp_path: Path) -> None:
    first = repo.commit(files=GOOD)
    repo.git("worktree", "add", "-q", "-b", "feature", str(tmp_path / "linked"))
    linked = Workspace(Settings(repo=tmp_path / "linked"))
    (tmp_path / "linked" / ALPHA).write_text("name: alpha\nstages: {}\n")
    assert linked.dirty_paths() == [ALPHA]
    assert Workspace(Settings(repo=repo.folder)).dirty_paths() == []
    assert linked.git.line("HEAD", REGISTRY).shas == [first]


# -- files -----------------------------------------------------------------------------------------

ODD_NAMES = (
    "with space.yaml",
    "grün.yaml",
    "日本.yaml",
    "tab\there.yaml",
    "line\nbreak.yaml",
    'quote".yaml',
    "back\\slash.yaml",
    "deep/er/down.yaml",
    "*.yaml",
    ":(top)x.yaml",
)


def both_ways(repo: Repo) -> tuple[list[SourceFile], list[SourceFile]]:
    sha = repo.commit()
    at = Git(repo.folder).files_at(sha, REGISTRY)
    return _sorted(registry_files(repo.folder, REGISTRY)), _sorted(at)


def _sorted(files: Iterable[SourceFile]) -> list[SourceFile]:
    return sorted(files, key=lambda file: file.path)


def test_a_commit_reads_like_the_tree_it_was_made_of(repo: Repo) -> None:
    for name in ODD_NAMES:
        repo.write(f"{REGISTRY}/models/{name}", f"name: {name!r}\r\nstages: {{}}\n".encode())
    repo.write(f"{REGISTRY}/models/{os.fsdecode(bytes([0xFF]))}.yaml", b"\xff\x00")
    for path in (
        "policy.yaml",
        "README.md",
        "models/README.md",
        "stray.yaml",
        "models/old.yml",
        "models/empty.yaml",
    ):
        repo.write(f"{REGISTRY}/{path}", b"" if "empty" in path else b"drift: heal\n")
    repo.write("registry2/models/alpha.yaml", "no part of it")
    (repo.folder / REGISTRY / "models/link.yaml").symlink_to("empty.yaml")
    (repo.folder / REGISTRY / "models/folder").symlink_to(
        "../../registry2", target_is_directory=True
    )
    (repo.folder / REGISTRY / "models/empty.yaml").chmod(0o755)
    tree, commit = both_ways(repo)
    assert commit == tree
    assert len(tree) == len(ODD_NAMES) + 7
    assert build(commit, REGISTRY).digest == build(tree, REGISTRY).digest


def test_a_file_at_the_limit_is_read_and_one_above_is_not(repo: Repo) -> None:
    repo.write(f"{REGISTRY}/models/most.yaml", b"#" * MAX_BYTES)
    repo.write(f"{REGISTRY}/models/over.yaml", b"#" * (MAX_BYTES + 1))
    tree, commit = both_ways(repo)
    assert [file.path for file in commit] == [file.path for file in tree]
    assert commit[0] == tree[0]
    assert build(commit, REGISTRY).problems == build(tree, REGISTRY).problems
    assert {problem.code for problem in build(commit, REGISTRY).problems} == {
        "too-large",
        "empty-file",
    }
    over = repo.git("rev-parse", f"HEAD:{REGISTRY}/models/over.yaml")
    assert not Git(repo.folder).blobs([over])
    assert len(Git(repo.folder).blobs([over], limit=None)[over]) == MAX_BYTES + 1


def test_a_submodule_is_no_manifest(repo: Repo) -> None:
    sha = repo.commit(files=GOOD)
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{sha},{REGISTRY}/models/sub.yaml")
    repo.git("commit", "-q", "-m", "A submodule")
    git = Git(repo.folder)
    files = {file.path: file for file in git.files_at("HEAD", REGISTRY)}
    assert files[f"{REGISTRY}/models/sub.yaml"].data is None
    assert [p.code for p in build(files.values(), REGISTRY).errors] == ["not-a-file"]
    assert git.line("HEAD", REGISTRY).changes[-1] == (1, f"{REGISTRY}/models/sub.yaml", "link")


@pytest.mark.parametrize("what", ["missing", "a file", "a link"])
def test_a_registry_that_is_no_folder(repo: Repo, what: str) -> None:
    repo.write("elsewhere/models/alpha.yaml", GOOD[ALPHA])
    if what == "a file":
        repo.write(str(REGISTRY), "a file")
    elif what == "a link":
        (repo.folder / REGISTRY).symlink_to("elsewhere", target_is_directory=True)
    sha = repo.commit()
    with pytest.raises(
        GitFailure, match=r"There is no registry/ folder in commit .*--registry-dir"
    ):
        list(Git(repo.folder).files_at(sha, REGISTRY))


@pytest.mark.parametrize("folder", ["reg*", "[r]", ":(glob)x", "a b/c", "grün"])
def test_a_registry_folder_is_no_pattern(repo: Repo, folder: str) -> None:
    path = f"{folder}/models/alpha.yaml"
    sha = repo.commit(
        files={path: GOOD[ALPHA], "registry/models/beta.yaml": "", "r/models/beta.yaml": ""}
    )
    git, registry = Git(repo.folder), RegistryFolder(folder)
    assert [file.path for file in git.files_at(sha, registry)] == [path]
    assert [change[1] for change in git.line(sha, registry).changes] == [path]
    repo.write(path, "name: alpha\nstages: {}\n")
    repo.write("registry/models/beta.yaml", "changed")
    assert git.dirty_paths(registry.paths) == [path]
    assert git.changed_since("HEAD", registry) == [path]


# -- blobs -----------------------------------------------------------------------------------------


def test_thousands_of_blobs_known_and_unknown(repo: Repo) -> None:
    """A request of many times what a pipe holds, answered while it is still being written."""
    history = History()
    history.add({f"{REGISTRY}/models/{i}.yaml": b"%d\n" % i * 50 for i in range(3000)})
    repo.build(history)
    listed = [line.split() for line in repo.git("ls-tree", "-r", "main").splitlines()]
    ids = [entry[2] for entry in listed]
    asked = [blob for one in ids for blob in (one, f"{int(one, 16) ^ 1:040x}", one)] + ["link", ""]
    assert len("\n".join(asked)) > 6 * 65536 / 2
    found = Git(repo.folder).blobs(asked)
    assert found.keys() == set(ids)
    assert all(found[blob] == b"%d\n" % int(Path(path).stem) * 50 for _, _, blob, path in listed)


def test_no_blobs_no_process(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert Git(repo.folder).blobs(["link", ""]) == {}


def test_a_repository_that_is_damaged_is_told(repo: Repo) -> None:
    """A blob that cannot be read must not pass for one that is not there."""
    repo.commit(files=GOOD)
    blob = repo.git("rev-parse", f"HEAD:{ALPHA}")
    loose = repo.folder / ".git/objects" / blob[:2] / blob[2:]
    loose.chmod(0o644)
    loose.write_bytes(loose.read_bytes()[:-8] + b"damaged!")
    with pytest.raises(GitFailure):
        list(Git(repo.folder).files_at("HEAD", REGISTRY))


# -- the line --------------------------------------------------------------------------------------


def a_history(repo: Repo) -> list[str]:
    history = History()
    history.add({ALPHA: manifest("alpha", "stages: {}"), "x": b"1"}, subject="One")
    side = history.branch({ALPHA: manifest("alpha", "stages: {Production: 1}"), "x": b"1"}, 0)
    history.add({**history.tip, "x": b"2"}, subject="Two")
    history.add(
        {ALPHA: manifest("alpha", "stages: {Production: 1}"), "x": b"2"}, side, subject="Merge (#3)"
    )
    moved = f"{REGISTRY}/models/team/alpha.yaml"
    history.add({moved: manifest("alpha", "stages: {Production: 1}"), "x": b"2"}, subject="Moved")
    history.add({"x": b"2", f"{REGISTRY}/policy.yaml": b"drift: heal\n"}, subject="Gone")
    return repo.build(history)


SETTINGS = {
    "log.showSignature": "true",
    "log.showRoot": "false",
    "log.diffMerges": "combined",
    "log.follow": "true",
    "log.mailmap": "true",
    "log.date": "relative",
    "log.decorate": "full",
    "log.abbrevCommit": "true",
    "log.excludeDecoration": "*",
    "format.pretty": "fuller",
    "format.notes": "*",
    "core.abbrev": "5",
    "core.quotePath": "true",
    "i18n.logOutputEncoding": "ISO-8859-1",
    "diff.renames": "copies",
    "diff.noprefix": "true",
    "diff.relative": "true",
    "diff.mnemonicPrefix": "true",
    "diff.ignoreSubmodules": "all",
    "diff.orderFile": "/dev/null",
    "status.relativePaths": "true",
    "status.renames": "copies",
    "status.showUntrackedFiles": "no",
    "status.branch": "true",
    "status.short": "true",
    "color.ui": "always",
    "color.status": "always",
    "column.ui": "always",
    "core.pager": "false",
}


def test_the_users_settings_change_nothing(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_history(repo)
    repo.git("reset", "-q", "--hard")
    repo.git("commit", "-q", "--allow-empty", "-m", "Grüße 🎉")
    repo.write(f"{REGISTRY}/models/grün.yaml", "name: x\n")
    repo.write(f"{REGISTRY}/policy.yaml", "drift: report\n")
    git = Git(repo.folder / REGISTRY)

    def everything() -> object:
        top = Git.find(git.top)
        line = top.line("HEAD", REGISTRY)
        files = list(top.files_at("HEAD", REGISTRY))
        told = (
            top.first_parents("HEAD"),
            top.dirty_paths(REGISTRY.paths),
            top.changed_since("HEAD~2", REGISTRY),
        )
        return line.shas, line.changes, line.commits, files, told, top.main_ref(None)

    plain = everything()
    user = tmp_path / "gitconfig"
    mailmap = tmp_path / "mailmap"
    mailmap.write_text("Another Person <b@example.org> <a@example.org>\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user))
    for key, value in {**SETTINGS, "mailmap.file": str(mailmap)}.items():
        user.write_text("")
        subprocess.run(["git", "config", "--global", key, value], check=True)
        assert everything() == plain, f"{key}={value}"


def test_a_mailmap_in_the_tree_rewrites_no_author(repo: Repo) -> None:
    """The author is evidence: an uncommitted file must not change it."""
    repo.commit(files=GOOD)
    repo.write(".mailmap", "Another Person <b@example.org> <a@example.org>\n")
    [commit] = Git(repo.folder).line("HEAD", REGISTRY).commits.values()
    assert commit.author == "A Person <a@example.org>"


def test_each_commit_of_the_line_with_what_it_did(repo: Repo) -> None:
    ids = a_history(repo)
    line = Git(repo.folder).line("main", REGISTRY)
    assert line.shas == [ids[0], *ids[2:]]
    moved = f"{REGISTRY}/models/team/alpha.yaml"
    assert [(i, path, blob is not None) for i, path, blob in line.changes if i != 3] == [
        (0, ALPHA, True),
        (2, ALPHA, True),
        (4, f"{REGISTRY}/policy.yaml", True),
        (4, moved, False),
    ]
    assert {(path, blob is not None) for i, path, blob in line.changes if i == 3} == {
        (ALPHA, False),
        (moved, True),
    }
    assert {line.shas.index(sha): commit.subject for sha, commit in line.commits.items()} == {
        0: "One",
        2: "Merge (#3)",
        3: "Moved",
        4: "Gone",
    }


@pytest.mark.parametrize(
    "subject",
    [
        "Plain",
        "emoji 🎉",
        "q\"uo'te",
        "\x02begins",
        ":100644 000000 a b M",
        "tab\there",
        "\x1b[31mred",
        "‮reversed",
        "",
        "%H",
    ],
)
def test_odd_subjects_and_authors(repo: Repo, subject: str) -> None:
    name = f'O\'Dd "Ünï" {subject.strip()} 🎉' if subject else "\x02 x"
    history = History()
    history.add({ALPHA: b"1"}, subject=subject, author=f"{name} <a@example.org>")
    history.add({ALPHA: b"2"}, subject="After")
    first, second = repo.build(history)
    line = Git(repo.folder).line("main", REGISTRY)
    assert [(i, path) for i, path, _ in line.changes] == [(0, ALPHA), (1, ALPHA)]
    assert line.commits[first].subject == subject
    assert line.commits[first].author == f"{name} <a@example.org>"
    assert line.commits[second].subject == "After"


def test_a_subject_in_another_encoding(repo: Repo) -> None:
    repo.write(ALPHA, "1")
    repo.git("add", "-A")
    repo.git(
        "-c",
        "i18n.commitEncoding=ISO-8859-1",
        "commit",
        "-q",
        "-F",
        "-",
        feed="Grün".encode("latin-1"),
    )
    [commit] = Git(repo.folder).line("HEAD", REGISTRY).commits.values()
    assert commit.subject == "Grün"


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        (f"{START} +0000", "2026-01-01T00:00:00Z"),
        (f"{START} +0530", "2026-01-01T00:00:00Z"),
        (f"{START} -1200", "2026-01-01T00:00:00Z"),
        (f"{START} +9959", "2026-01-01T00:00:00Z"),
        (f"{START} -7530", "2026-01-01T00:00:00Z"),
        ("0 +0000", "1970-01-01T00:00:00Z"),
        ("999999999999999 +0000", "9999-12-31T23:59:59Z"),
        ("nonsense", "1970-01-01T00:00:00Z"),
    ],
)
def test_every_committer_date_is_a_time(repo: Repo, when: str, shown: str) -> None:
    """Old tools wrote dates that no calendar holds; they are in histories for ever."""
    repo.commit(files=GOOD)
    tree = repo.git("rev-parse", "HEAD^{tree}")
    person = f"A Person <a@example.org> {when}"
    text = f"tree {tree}\nauthor {person}\ncommitter {person}\n\nOdd date\n"
    sha = repo.git(
        "hash-object", "-t", "commit", "-w", "--literally", "--stdin", feed=text.encode()
    )
    assert Git(repo.folder).line(sha, REGISTRY).commits[sha].at == shown


def test_a_history_of_sha256(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo", "--object-format=sha256")
    sha = repo.commit(files=GOOD)
    repo.git("rm", "-q", ALPHA)
    gone = repo.commit("Gone", {f"{REGISTRY}/models/beta.yaml": "name: beta\nstages: {}\n"})
    git = Git(repo.folder)
    assert git.resolve("HEAD") == gone and len(gone) == 64
    blob = repo.git("rev-parse", f"{sha}:{ALPHA}")
    changes = git.line("HEAD", REGISTRY).changes
    assert (0, ALPHA, blob) in changes and (1, ALPHA, None) in changes
    assert git.blobs([blob]) == {blob: GOOD[ALPHA].encode()}
    assert [file.path for file in git.files_at("HEAD", REGISTRY)] == [
        f"{REGISTRY}/models/beta.yaml"
    ]


def test_replace_refs_and_grafts_are_not_believed(repo: Repo) -> None:
    first = repo.commit(files=GOOD)
    second = repo.commit("Two", {ALPHA: "name: alpha\nstages: {}\n"})
    other = repo.git("commit-tree", "-m", "Another past", f"{second}^{{tree}}")
    repo.git("replace", second, other)
    git = Git(repo.folder)
    assert git.line("HEAD", REGISTRY).shas == [first, second]
    assert git.line("HEAD", REGISTRY).commits[second].subject == "Two"
    repo.git("replace", "-d", second)
    grafts = repo.folder / ".git/info/grafts"
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(f"{second}\n")
    assert git.first_parents("HEAD") == [first, second]


def test_a_shallow_clone(repo: Repo, tmp_path: Path) -> None:
    repo.commit(files=GOOD)
    last = repo.commit("Two", {f"{REGISTRY}/policy.yaml": "drift: heal\n"})
    git = clone(repo, tmp_path / "shallow", "--depth", "1")
    assert git.is_shallow() and not Git(repo.folder).is_shallow()
    line = git.line("HEAD", REGISTRY)
    assert line.shas == [last]
    assert {path for _, path, _ in line.changes} == {
        ALPHA,
        f"{REGISTRY}/policy.yaml",
    }, "the rest is reported as one commit"
    assert Workspace(Settings(repo=git.top)).owner(line) is None


# -- the working tree ------------------------------------------------------------------------------


def test_dirty_paths(repo: Repo) -> None:
    paths = {
        name: f"{REGISTRY}/models/{name}.yaml"
        for name in ("kept", "changed", "deleted", "moved", "staged")
    }
    repo.commit(
        files={path: f"name: {name}\n" for name, path in paths.items()}
        | {".gitignore": "hidden*\n"}
    )
    git = Git(repo.folder)
    assert git.dirty_paths(REGISTRY.paths) == []
    os.utime(repo.folder / paths["kept"], (0, 0))
    repo.write(paths["changed"], "name: other\n")
    (repo.folder / paths["deleted"]).unlink()
    (repo.folder / REGISTRY / "models/sub").mkdir()
    repo.git("mv", paths["moved"], f"{REGISTRY}/models/sub/moved.yaml")
    repo.write(paths["staged"], "name: staged again\n")
    repo.git("add", paths["staged"])
    repo.write(f"{REGISTRY}/models/new/ä ü\n.yaml", "name: new\n")
    repo.write(f"{REGISTRY}/models/intended.yaml", "")
    repo.git("add", "-N", f"{REGISTRY}/models/intended.yaml")
    repo.write(f"{REGISTRY}/models/hidden.yaml", "ignored by git, and a manifest all the same\n")
    repo.write("outside.yaml", "elsewhere\n")
    assert sorted(git.dirty_paths(REGISTRY.paths)) == sorted(
        [
            paths["changed"],
            paths["deleted"],
            paths["moved"],
            paths["staged"],
            f"{REGISTRY}/models/sub/moved.yaml",
            f"{REGISTRY}/models/new/ä ü\n.yaml",
            f"{REGISTRY}/models/intended.yaml",
            f"{REGISTRY}/models/hidden.yaml",
        ]
    )


def test_dirty_before_the_first_commit(repo: Repo) -> None:
    repo.write(ALPHA, GOOD[ALPHA])
    assert Git(repo.folder).dirty_paths(REGISTRY.paths) == [ALPHA]
    assert Workspace(Settings(repo=repo.folder)).tree().manifests.keys() == {"alpha"}


def test_changed_since_is_counted_from_where_the_branch_left(repo: Repo) -> None:
    def path(name: str) -> str:
        return f"{REGISTRY}/models/{name}.yaml"

    repo.commit(
        files={path("a"): "1", path("b"): "1", path("c"): "1", path("d"): "1", path("e"): "1"}
    )
    repo.git("checkout", "-q", "-b", "feature")
    (repo.folder / path("a")).unlink()
    repo.commit("Feature", {path("b"): "2"})
    repo.git("checkout", "-q", "main")
    repo.commit("Meanwhile", {path("c"): "2"})
    repo.git("checkout", "-q", "feature")
    repo.write(path("d"), "2")
    repo.write(path("new ü"), "1")
    repo.write("outside.yaml", "1")
    git = Git(repo.folder)
    assert git.changed_since("main", REGISTRY) == sorted(
        [path("a"), path("b"), path("d"), path("new ü")]
    )
    assert git.changed_since("HEAD", REGISTRY) == sorted([path("d"), path("new ü")])
    with pytest.raises(GitFailure, match="This clone has no revision 'nope'"):
        git.changed_since("nope", REGISTRY)


def test_changed_since_a_ref_of_another_root(repo: Repo) -> None:
    repo.commit(files=GOOD)
    repo.git("checkout", "-q", "--orphan", "other")
    repo.commit("Another root", {ALPHA: "name: alpha\nstages: {}\n"})
    assert Git(repo.folder).changed_since("main", REGISTRY) == [ALPHA]


# -- refs ------------------------------------------------------------------------------------------


def test_a_commit_can_be_made_where_git_knows_nobody(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit(files=GOOD)
    repo.git("config", "user.useConfigOnly", "true")
    git = Git(repo.folder)
    sha = git.output("commit-tree", "-m", "x", "HEAD^{tree}", identity=True)
    assert (
        repo.git("show", "-s", "--format=%an <%ae>", sha)
        == "mlflow-gitops <mlflow-gitops@localhost>"
    )
    monkeypatch.setenv("GIT_COMMITTER_NAME", "A Person")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "a@example.org")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "A Person")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "a@example.org")
    sha = git.output("commit-tree", "-m", "x", "HEAD^{tree}", identity=True)
    assert repo.git("show", "-s", "--format=%cn <%ce>", sha) == "A Person <a@example.org>"


@pytest.mark.parametrize("stopped", [False, True])
def test_a_remote_that_does_not_answer_is_given_up(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stopped: bool
) -> None:
    repo.commit()
    repo.git("remote", "add", "origin", "ssh://nowhere.invalid/repo")
    pid = tmp_path / "pid"
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"echo $$ > {pid}; exec sleep 60; #")
    git, began = Git(repo.folder), time.monotonic()
    with pytest.raises(GitFailure, match="did not answer in time"):
        if stopped:
            git.fetch(should_stop=pid.exists)
        else:
            git.exchange("ls-remote", "origin", seconds=1)
    assert time.monotonic() - began < 30
    gone = Path("/proc", pid.read_text().strip())
    while gone.exists() and "sleep" in (gone / "cmdline").read_text(errors="replace"):
        assert time.monotonic() - began < 30, "what git started is ended with it"
        time.sleep(0.05)
