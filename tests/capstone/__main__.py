"""`make capstone`: from DVC data to a served BERT. With --write, README.md gets what this run
printed; without, the page must tell the same story as the run."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from tests.capstone.story import tell
from tests.capstone.surroundings import PROMETHEUS
from tests.capstone.teller import MARK, Unexpected, differences

PAGE = Path(__file__).parent / "README.md"
_MISSING = "Prometheus is not installed (on Debian: apt install prometheus)"
FOLDER = Path(__file__).parents[2] / "build" / "capstone"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.capstone", description=__doc__)
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=FOLDER,
        help="where; it is emptied first if it is ours",
    )
    parser.add_argument("--write", action="store_true", help="write the page")
    asked = parser.parse_args()
    if PROMETHEUS is None:
        if asked.write or os.environ.get("CI") == "true":
            print(f"error: {_MISSING}. Without it, the page is another.", file=sys.stderr)
            return 1
        print(f"{_MISSING}: nothing watches the service, and the page is not compared.")
    folder: Path = asked.folder.resolve()
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "forge.git").is_dir():
            print(
                f"error: {folder} is not empty and was not made by this. Name another folder.",
                file=sys.stderr,
            )
            return 1
        shutil.rmtree(folder)
    try:
        told = tell(folder)
    except Unexpected as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    head, _, before = PAGE.read_text(encoding="utf-8").partition(MARK)
    if asked.write:
        PAGE.write_text(f"{head}{MARK}\n\n{told}", encoding="utf-8")
    elif PROMETHEUS is not None and (changed := differences(before, told)):
        print("\n".join(changed))
        print(
            f"error: {PAGE.name} tells another story. Write it anew: make capstone ARGS=--write",
            file=sys.stderr,
        )
        return 1
    print(f"\nEvery step came out as told. It is all still there, in {folder}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
