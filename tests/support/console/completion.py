"""How shells ask what may be typed next: by variables, as the scripts do that Typer writes for
them."""

from __future__ import annotations

SHELLS = ("bash", "zsh", "fish")


def asking(shell: str, words: str) -> dict[str, str]:
    """The variables with which a shell asks about the last word of a command line, which is empty
    after a space."""
    if shell == "bash":
        parted = words.split(" ")
        variables = {"COMP_WORDS": "\n".join(parted), "COMP_CWORD": str(len(parted) - 1)}
    else:
        variables = {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return variables | {"_MLFLOW_GITOPS_COMPLETE": f"complete_{shell}"}
