"""The names of branches, as remotes and forges use them."""

from __future__ import annotations

from mlflow_gitops.edges.git.repository import Git


def branch_name(git: Git, ref: str) -> str | None:
    """Return the name that a branch has on its remote: `origin/main` is `main`.

    None if the ref is not a branch.
    """
    full_name = git.full_name(ref)
    prefixes = ["refs/heads/"]
    if remote := git.remote():
        prefixes.insert(0, f"refs/remotes/{remote}/")
    for prefix in prefixes:
        if full_name.startswith(prefix):
            return full_name.removeprefix(prefix)
    return None
