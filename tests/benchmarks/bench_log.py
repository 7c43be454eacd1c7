"""`log` against the two git commands that any audit of git must run, on a long history of many manifests."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.bench_validate import manifest
from tests.benchmarks.measure import Row, compare, process
from tests.support.git_histories import START, Repo

COMMITS = 10_000
MANIFESTS = 1_000
_BIN = Path(sys.executable).parent


def rows() -> list[Row]:
    """All models, and one of them, each as a whole process."""
    with tempfile.TemporaryDirectory() as folder:
        repo = build(Path(folder))
        ours = (str(_BIN / "mlflow-gitops"), "--repo", folder, "log")
        one = "registry/models/model-00500.yaml"
        raw = f"git -C {folder} log --first-parent --raw --no-renames --no-abbrev --format= main -- registry"
        both = f"{raw} | awk '{{print $4}}' | git -C {folder} cat-file --batch"
        what = f"{COMMITS:,} commits over {MANIFESTS:,} manifests"
        return [
            compare(
                f"log, {what}",
                process(*ours),
                "git log --raw piped into git cat-file --batch",
                process("sh", "-c", both),
                "≤ 1.50",
                runs=3,
            ),
            compare(
                f"log of one model, {what}",
                process(*ours, "model-00500"),
                "git log -- path",
                process("git", "-C", repo.folder.as_posix(), "log", "main", "--", one),
                "≤ 3.00",
                runs=3,
            ),
        ]


def build(folder: Path) -> Repo:
    """A promotion a commit, each manifest of 30 lines."""
    repo = Repo(folder)
    rng = random.Random(1)
    production: dict[int, int] = {}
    stream: list[bytes] = []
    for i in range(COMMITS):
        model = i if i < MANIFESTS else rng.randrange(MANIFESTS)
        production[model] = production.get(model, 9) + 1
        held = f"Production: {production[model]}"
        text = manifest(model).replace("Production: 3", held).encode()
        subject = f"Promote model-{model:05} to {production[model]} (#{i})\n".encode()
        who = f"A Person <a@example.org> {START + 60 * i} +0000"
        stream.append(
            f"commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata {len(subject)}\n".encode() + subject
        )
        stream.append(f"M 100644 inline registry/models/model-{model:05}.yaml\ndata {len(text)}\n".encode() + text)
    repo.git("fast-import", "--quiet", feed=b"\n".join(stream))
    subprocess.run(["git", "repack", "-adq"], cwd=folder, check=True)
    repo.git("reset", "-q", "--hard")
    return repo
