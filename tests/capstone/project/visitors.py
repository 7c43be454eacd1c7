"""Send posts to the service, as visitors do, who judge the answers.

python visitors.py data/usual.csv
python visitors.py data/fresh.csv --keep-coming
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import suppress

import pandas as pd
import requests

import deploy

TOGETHER = 10
"""Posts of one request."""


def visit(posts: pd.DataFrame) -> int:
    """Ask about some posts and judge the answers; how many were right."""
    answers = deploy.ask(posts["text"].tolist())
    pairs = zip(answers, posts["sentiment"], strict=True)
    right = sum(answer["sentiment"] == label for answer, label in pairs)
    counts = {"right": right, "wrong": len(posts) - right}
    requests.post(f"{deploy.ADDRESS}/feedback", json=counts, timeout=60).raise_for_status()
    return right


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file")
    parser.add_argument("--keep-coming", action="store_true", help="until this is ended")
    asked = parser.parse_args()
    posts = pd.read_csv(asked.file)
    groups = [posts[first : first + TOGETHER] for first in range(0, len(posts), TOGETHER)]
    if not asked.keep_coming:
        right = sum(visit(group) for group in groups)
        print(json.dumps({"posts": len(posts), "right": round(right / len(posts), 3)}))
        return
    while True:
        for group in groups:
            with suppress(requests.RequestException):  # the service is being restarted
                visit(group)
            time.sleep(0.5)


if __name__ == "__main__":
    main()
