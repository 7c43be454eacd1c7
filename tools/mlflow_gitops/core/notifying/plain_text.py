"""Text that other people wrote, made inert in a message: names of models, subjects of commits,
reasons.

A message may be shown by anything: Slack, Teams, a mail program, a page of the receiver. So the
characters by which these make mentions, links, headings, code or HTML are replaced by others that
look alike and mean nothing, instead of escaped for one of them.
"""

from __future__ import annotations

import re

from mlflow_gitops.core.secrets import mask_text
from mlflow_gitops.core.yaml.characters import INVISIBLE
from mlflow_gitops.core.yaml.limits import CONTROL

LONGEST = 160
"""Characters of one text that other people wrote."""

_LOOK_ALIKES = str.maketrans(
    {"@": "＠", "[": "(", "]": ")", "`": "'", "*": "∗", "|": "¦", "#": "＃"}
)
_TAG = re.compile(r"<(?=\S)")
"""What begins a tag, or a mention of Slack; `3 < 4` does not."""

_LINK = re.compile(r"(?i)(?<=[a-z0-9+.-]):(?=[/\\]{2})|(?<=\bwww)\.")
"""What makes a link of a text: the colon of an address, the dot behind www."""


def plain(text: str, longest: int = LONGEST) -> str:
    """One line that is neither markup, a mention nor an address anywhere. Credentials in it are
    masked."""
    masked = mask_text(text)
    line = " ".join(re.sub(f"{CONTROL.pattern}|{INVISIBLE}|\\s", " ", masked).split())
    line = _LINK.sub(" ", _TAG.sub("‹", line.translate(_LOOK_ALIKES)))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
