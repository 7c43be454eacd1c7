"""The push of receipts that is refused, since another clone pushed first: they are fetched, put on
top and pushed again, and nothing is lost (RULES R6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_gitops.core.audit.receipt_format import receipt_text
from mlflow_gitops.core.audit.receipts import Receipt, newest
from mlflow_gitops.edges.git.receipts import writer as module
from mlflow_gitops.edges.git.receipts.branch import ReceiptsBranch
from mlflow_gitops.edges.git.receipts.writer import ReceiptsWriter
from mlflow_gitops.edges.git.repository import Git
from mlflow_gitops.errors import GitFailure
from tests.support.git_histories import Repo
from tests.support.receipts import RECEIPTS_REF, receipts_in

HOOK = """\
#!/bin/sh
# Somebody else's push arrives after this one was prepared and before it is accepted.
[ -n "$RIVAL" ] && exit 0
step=$(cat '{folder}/step')
echo "$step" >> '{folder}/asked'
if [ "$step" -lt {rounds} ]; then
  echo $((step + 1)) > '{folder}/step'
  unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
  RIVAL=1 git -C '{folder}/rival' push -q origin "refs/steps/$step:{ref}" || exit 1
fi
"""


def writer_in(repo: Repo, tries: int = 5) -> ReceiptsWriter:
    return ReceiptsWriter(ReceiptsBranch(Git(repo.folder), "origin"), tries)


def write(writer: ReceiptsWriter, commit: str, who: str, number: int) -> None:
    content = {"at": f"2026-01-01T00:00:{number:02}Z", "by": who, "run": number, "commit": commit}
    text = receipt_text(content, newest(writer.branch.receipts()))
    writer.add(Receipt(commit, text, content), f"Run {number} of {who}")


@pytest.fixture
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Repo, Repo, list[str]]:
    """A clone, its rival, and two commits that both have."""
    monkeypatch.setattr(module, "_pause", lambda attempt: None)
    for key in ("NAME", "EMAIL"):
        monkeypatch.setenv(f"GIT_COMMITTER_{key}", "c@example.org")
        monkeypatch.setenv(f"GIT_AUTHOR_{key}", "c@example.org")
    ours = Repo(tmp_path / "ours")
    commits = [ours.commit("One", {"a": "1"}), ours.commit("Two", {"a": "2"})]
    bare, rival = Repo(tmp_path / "origin.git", "--bare"), Repo(tmp_path / "rival")
    for clone in (ours, rival):
        clone.git("remote", "add", "origin", str(bare.folder))
    ours.git("push", "-q", "origin", "main")
    rival.git("fetch", "-q", "origin", "main")
    return ours, rival, commits


def prepare(rival: Repo, commit: str, rounds: int) -> None:
    """What the rival pushes in each round."""
    writer = writer_in(rival)
    for step in range(rounds):
        write(writer, commit, "rival", step)
        rival.git("update-ref", f"refs/steps/{step}", RECEIPTS_REF)
    folder = rival.folder.parent
    (folder / "step").write_text("0\n")
    hook = folder / "origin.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(folder=folder, rounds=rounds, ref=RECEIPTS_REF))
    hook.chmod(0o755)


@pytest.mark.parametrize("is_same_commit", [True, False], ids=["same commit", "other commit"])
@pytest.mark.parametrize("rounds", [1, 4])
def test_a_refused_push_loses_nothing(
    clones: tuple[Repo, Repo, list[str]], rounds: int, is_same_commit: bool
) -> None:
    ours, rival, commits = clones
    prepare(rival, commits[0] if is_same_commit else commits[1], rounds)
    writer = writer_in(ours)
    write(writer, commits[0], "ours", 0)
    writer.push()

    asked = (ours.folder.parent / "asked").read_text().split()
    assert len(asked) == rounds + 1, "it was refused in each round, and then accepted"
    reader = Repo(ours.folder.parent / "reader")
    reader.git("remote", "add", "origin", str(ours.folder.parent / "origin.git"))
    reader.git("fetch", "-q", "origin", "main", f"{RECEIPTS_REF}:{RECEIPTS_REF}")
    for repository in (reader, ours):
        found = receipts_in(repository.folder)
        written = sorted((receipt.content["by"], receipt.content["run"]) for receipt in found)
        assert written == [("ours", 0), *(("rival", step) for step in range(rounds))]
    assert not writer.is_ahead()


def test_a_push_that_is_always_refused_is_reported_and_kept_here(
    clones: tuple[Repo, Repo, list[str]],
) -> None:
    ours, rival, commits = clones
    prepare(rival, commits[0], 9)
    writer = writer_in(ours, tries=3)
    write(writer, commits[0], "ours", 0)
    with pytest.raises(GitFailure, match="could not be pushed to origin in 3 tries"):
        writer.push()
    assert ("ours", 0) in {(r.content["by"], r.content["run"]) for r in writer.branch.receipts()}
    assert writer.is_ahead()
