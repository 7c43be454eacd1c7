"""Pin a version in its manifest: to its run, and to the data that git says the run had.

    python pin_data.py 2

The MD5 comes from data/posts.csv.dvc as it was in the commit that the run was made from, not from
the run: what the run logged is compared with the pin by every plan.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml
from mlflow import MlflowClient
from project import MODEL, POSTS

MANIFEST = Path(f"registry/models/{MODEL}.yaml")


def main(version: str) -> None:
    client = MlflowClient()
    found = client.get_model_version(MODEL, version)
    code = client.get_run(found.run_id).data.tags["mlflow.source.git.commit"]
    command = ["git", "show", f"{code}:{POSTS}.dvc"]
    [out] = yaml.safe_load(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )["outs"]
    text = MANIFEST.read_text()
    text += "" if "\nversions:\n" in text else "versions:\n"
    text += (
        f"  {version}:\n    run_id: {found.run_id}\n    data: {{path: {POSTS}, md5:"
        f" {out['md5']}}}\n"
    )
    MANIFEST.write_text(text)
    print(f"{MANIFEST}: version {version} is pinned to run {found.run_id} and {POSTS} {out['md5']}")


if __name__ == "__main__":
    main(sys.argv[1])
