"""Characters that nobody sees: with them, a diff, a comment or a terminal shows something else than
what is stored.

Some have an honest use in running text, and only there: the joiners inside an emoji or a word of a
script that joins its letters (Persian, Devanagari), the selector behind an emoji, and the flags of
England, Scotland and Wales. Everything else is hidden text (`HIDDEN`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

from mlflow_gitops.core.yaml.limits import CONTROL
from mlflow_gitops.core.yaml.nodes import Map, Seq

# Unicode 16: default-ignorable code points, fillers and blanks that look empty, and interlinear
# annotations. U+E0000 to U+E0FFF are the tags and the selectors for ideographs.
_ALWAYS_HIDDEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
_TAGS = "\U000e0000-\U000e0fff"

# Patterns are texts: compiling them takes 2 ms of every start, and `re` keeps what it has compiled.
INVISIBLE = f"[{_ALWAYS_HIDDEN}\u200c\u200d\ufe0e\ufe0f{_TAGS}]"
"""A pattern for every character that nobody sees, whatever is around it."""

_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122-\u21ff\u2300-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff"
)
_JOINING = "\u0600-\u08ff\u0900-\u0dff\u1780-\u17dd\u1820-\u18aa\ufb50-\ufdff\ufe70-\ufefe"
_INDIC = "\u0900-\u0dff"

# England, Scotland, Wales: the only flags of this kind that are drawn everywhere.
_FLAGS = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
)
_HIDDEN = (
    f"(?P<flag>{_FLAGS})"
    f"|[{_ALWAYS_HIDDEN}{_TAGS}]"
    f"|\u200c(?:(?<![{_JOINING}]\u200c)|(?<![{_INDIC}]\u200c)(?![{_JOINING}]))"
    f"|\u200d(?:(?<![{_JOINING}{_EMOJI}\ufe0f]\u200d)"
    f"|(?<![{_INDIC}]\u200d)(?![{_JOINING}{_EMOJI}]))"
    f"|[\ufe0e\ufe0f](?:(?<![{_EMOJI}0-9#*].)|(?<=[0-9#*].)(?!\u20e3))"
)

FREE_TEXT = frozenset({"description", "reason", "tags"})
"""The fields whose values are running text. The names of tags are not."""

_MOST_REPORTED = 20

Path = tuple["str | int", ...]
"""The keys and indices that lead to a value."""


def hidden_characters(text: str) -> Iterator[re.Match[str]]:
    """Each character that hides text, without the honest uses."""
    if text.isascii():
        return
    for match in re.finditer(_HIDDEN, text):
        if match.lastgroup != "flag":
            yield match


def first_invisible(text: str) -> str | None:
    """The first character of a text that nobody sees, whatever is around it; None if there is
    none."""
    match = None if text.isascii() else re.search(INVISIBLE, text)
    return match and match.group()


def has_hidden(text: str) -> bool:
    """Whether a text has a control character or one that hides text."""
    if text.isascii():
        return bool(CONTROL.search(text))
    return bool(CONTROL.search(text)) or any(hidden_characters(text))


def escape_hidden(text: str, escape: Callable[[str], str]) -> str:
    """The text with each control character, and each one that hides text, replaced by what `escape`
    returns."""
    text = CONTROL.sub(lambda match: escape(match.group()), text)
    if text.isascii():
        return text
    return re.sub(
        _HIDDEN,
        lambda match: match.group() if match.lastgroup == "flag" else escape(match.group()),
        text,
    )


def code_point(character: str) -> str:
    """`U+200B`."""
    return f"U+{ord(character):04X}"


def raw_text_faults(text: str) -> Iterator[tuple[int, str]]:
    """The first characters that hide text in a file, in comments too: each one's offset, and what
    is wrong with it."""
    for match in islice(hidden_characters(text), _MOST_REPORTED):
        yield match.start(), f"invisible character {code_point(match.group())}; remove it"


def value_faults(root: object, text: str) -> Iterator[tuple[Path, bool, str]]:
    """Every invisible character outside of running text: two names that look the same must be the
    same. Joiners are refused there, too.

    `text` is the file that `root` was read from. Returns the path to the text, whether it is a key,
    and what is wrong with it.
    """
    if text.isascii() and "\\" not in text:
        return
    for path, value, is_key in _strings(root, ()):
        character = first_invisible(value)
        if character is not None:
            what = "a name" if is_key else "this value"
            message = f"invisible character {code_point(character)} in {what}; remove it"
            yield path, is_key, message


def _strings(node: object, path: Path) -> Iterator[tuple[Path, str, bool]]:
    """Every key, and every text that is not running text: path, text, whether it is a key."""
    if isinstance(node, Map):
        is_free = bool(path) and path[-1] in FREE_TEXT
        for key, value in node.items():
            yield (*path, key), key, True
            if not isinstance(value, str):
                yield from _strings(value, (*path, key))
            elif not is_free and key not in FREE_TEXT:
                yield (*path, key), value, False
    elif isinstance(node, Seq):
        for index, value in enumerate(node):
            if isinstance(value, str):
                yield (*path, index), value, False
            else:
                yield from _strings(value, (*path, index))
