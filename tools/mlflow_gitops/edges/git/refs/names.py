"""What a name means in git: the branch of that name, or the one commit that a revision names.

git itself takes the first of `.git/X`, `refs/X`, `refs/tags/X`, `refs/heads/X` and
`refs/remotes/X` (gitrevisions(7)). Many more people may push a tag than the main branch, so a name
that means two things is reported.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from mlflow_gitops.edges.git.command import GitCommand
from mlflow_gitops.errors import GitFailure

AMBIGUOUS = "git_ambiguous_name"
"""The code of a failure if a name means two things."""

NOT_A_BRANCH = "git_not_a_branch"
"""The code of a failure if a tag, or another ref, is named where a branch is needed."""

_NOT_IN_NAMES = re.compile(r"[\x00-\x20~^:?*\[\\\x7f]|\.\.|@\{|//|^-|^/|/$")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_COMMIT_ID = re.compile(r"[0-9a-f]{4,64}")
_FULL_COMMIT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NAME_OF_REVISION = re.compile(r"(?:(?!@\{)[^~^:])*")
_MOST_READINGS = 10
"""How often refs are read that other processes move meanwhile."""
_KINDS = {"refs/tags/": "tag", "refs/heads/": "branch", "refs/remotes/": "remote branch"}


def branch_ref(git: GitCommand, name: str, remote: str | None) -> str | None:
    """Return the full ref of the branch that a name means; None if there is no such branch.

    A branch of `remote` may be named without it, unless there is a local branch of that name.
    Raises GitFailure if two branches have the name.
    """
    refs = [f"refs/heads/{name}", f"refs/remotes/{name}", f"refs/remotes/{name}/HEAD"]
    if name.startswith(("refs/heads/", "refs/remotes/")):
        refs = [name]
    elif name.startswith(("heads/", "remotes/")):
        refs.insert(0, f"refs/{name}")

    branches = _commits(git, refs)
    if not branches and remote is not None:
        branches = _commits(git, [f"refs/remotes/{remote}/{name}"])
    if len(branches) > 1:
        raise _ambiguous(name, branches)
    return next(iter(branches), None)


def check_is_branch_name(git: GitCommand, name: str) -> None:
    """Raise GitFailure if a name that is not a branch's means another ref, such as a tag.

    Passes for HEAD, for the id of a commit, and for a name that git does not know at all.
    """
    base = _NAME_OF_REVISION.match(name)
    name_part = base[0] if base else ""
    if name_part in ("HEAD", "@", "") or _COMMIT_ID.fullmatch(name_part):
        return

    impostors = _commits(git, _refs_named(name_part))
    if impostors and not any(ref.startswith(("refs/heads/", "refs/remotes/")) for ref in impostors):
        raise GitFailure(
            f"There is no branch {name_part}; {_descriptions(impostors)} is not a branch.",
            fix="Fetch the branch, or name another.",
            code=NOT_A_BRANCH,
        )
    is_known = git.query("rev-parse", "--verify", "-q", "--end-of-options", name_part)
    if is_known and not impostors:
        raise GitFailure(
            f"There is no branch {name_part}; git knows that name, but not as a branch.",
            fix="Fetch the branch, or name another.",
            code=NOT_A_BRANCH,
        )


def only_commit(git: GitCommand, name: str) -> str | None:
    """Return the commit that a plain name means, if everything of that name is the same commit.
    One process answers what `git rev-parse` and `check_is_unambiguous` find out by two.

    None means that these must decide: there is no such commit, or perhaps two, or the name may be
    HEAD, an id, or an expression made of names.
    """
    if not _PLAIN_NAME.fullmatch(name) or name == "HEAD" or _COMMIT_ID.fullmatch(name):
        return None

    meanings = [name, *_refs_named(name)]
    request = "".join(f"{meaning}^{{commit}}\n" for meaning in meanings)
    form = "--batch-check=%(objectname) %(objecttype)"
    answers = git.output("cat-file", form, feed=request, check=False).splitlines()

    commits = [answer.partition(" ")[0] for answer in answers if answer.endswith(" commit")]
    is_complete = len(answers) == len(meanings) and answers[0].endswith(" commit")
    return commits[0] if is_complete and len(set(commits)) == 1 else None


def check_is_unambiguous(git: GitCommand, revision: str, commit: str) -> None:
    """Raise GitFailure if a revision is made from a name that means two different commits.

    `commit` is what git itself takes the revision for.
    """
    base = _NAME_OF_REVISION.match(revision)
    name = base[0] if base else ""
    if name in ("HEAD", "@", "") or _FULL_COMMIT_ID.fullmatch(name):
        return

    commits = _commits(git, _refs_named(name))
    if not commits:
        return
    git_choice = commit if name == revision else _choice_of_git(git, name)
    if git_choice and git_choice not in commits.values():
        commits, git_choice = _settled(git, name)

    meanings = dict(commits)
    if git_choice and git_choice not in commits.values():
        meanings["a commit id" if _COMMIT_ID.fullmatch(name) else f".git/{name}"] = git_choice
    elif _COMMIT_ID.fullmatch(name) and (object_id := _commit_of_id(git, name)):
        meanings["a commit id"] = object_id
    if len(set(meanings.values())) > 1:
        raise _ambiguous(name, meanings)


def _choice_of_git(git: GitCommand, name: str) -> str:
    return git.query("rev-parse", "--verify", "-q", "--end-of-options", name + "^{commit}")


def _settled(git: GitCommand, name: str) -> tuple[dict[str, str], str]:
    """The refs of a name with their commits, and what git takes the name for, read while no fetch
    or push moved them."""
    refs = _refs_named(name)
    commits = _commits(git, refs)
    for _ in range(_MOST_READINGS):
        git_choice = _choice_of_git(git, name)
        before, commits = commits, _commits(git, refs)
        if commits == before:
            break
    return commits, git_choice


def _commit_of_id(git: GitCommand, abbreviated: str) -> str | None:
    """Return the commit that an abbreviated id names, whatever refs have that name."""
    ids = git.output("rev-parse", f"--disambiguate={abbreviated}", check=False).split()
    return ids[0] if len(ids) == 1 else None


def _refs_named(name: str) -> list[str]:
    """Return every ref that git would take a name for, in git's order."""
    prefixes = ("refs/", "refs/tags/", "refs/heads/", "refs/remotes/")
    full = [name] if name.startswith("refs/") else []
    return [*full, *(prefix + name for prefix in prefixes), f"refs/remotes/{name}/HEAD"]


def _commits(git: GitCommand, refs: Collection[str]) -> dict[str, str]:
    """Return the commits that these refs point to; refs that do not exist are left out."""
    patterns = [ref for ref in refs if not _NOT_IN_NAMES.search(ref)]
    if not patterns:
        return {}
    fields = "%(refname) %(objecttype) %(objectname) %(*objecttype) %(*objectname)"
    listing = git.output("for-each-ref", f"--format={fields}", "--", *patterns)

    commits: dict[str, str] = {}
    for line in listing.splitlines():
        ref, *types_and_ids = line.split(" ")
        pairs = zip(types_and_ids[::2], types_and_ids[1::2], strict=False)
        for kind, object_id in pairs:
            if ref in patterns and kind == "commit":
                commits[ref] = object_id
    return {ref: commits[ref] for ref in patterns if ref in commits}


def _ambiguous(name: str, meanings: Mapping[str, str]) -> GitFailure:
    full_names = [ref for ref in meanings if ref.startswith("refs/")]
    return GitFailure(
        f"{name} is ambiguous: it is {_descriptions(meanings)}.",
        fix=f"Write {' or '.join(full_names)}.",
        code=AMBIGUOUS,
    )


def _descriptions(meanings: Mapping[str, str]) -> str:
    return " and ".join(f"{_described(ref)} ({sha[:7]})" for ref, sha in meanings.items())


def _described(ref: str) -> str:
    for prefix, kind in _KINDS.items():
        if ref.startswith(prefix):
            return f"the {kind} {ref.removeprefix(prefix)}"
    return f"the ref {ref}" if ref.startswith("refs/") else ref
