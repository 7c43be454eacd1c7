"""How plain YAML scalars are read, and which ones YAML 1.1 and 1.2 read differently.

PyYAML reads YAML 1.1; editors and most other tools read 1.2. To the one, `010` is 8 and `yes` is
true; to the other, they are 10 and a word. If the two differ, nothing is guessed: the message asks
for quotes (RULES R2, `ambiguous-scalar`).
"""

from __future__ import annotations

import re

_CONSTANTS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_WORDS_OF_1_1 = frozenset(
    spelling
    for boolean in ("yes", "no", "on", "off", "y", "n")
    for spelling in (boolean, boolean.capitalize(), boolean.upper())
) | {"=", "<<"}

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_NUMBER_START = frozenset("0123456789+-.")
# PyYAML reads -.5 as text.
_FLOAT = re.compile(r"(?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?\Z")
# The next patterns are texts: few files have such scalars, and compiling the patterns takes 1 ms.
_FLOAT_SPECIAL = r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
# YAML 1.2 allows no sign before 0o or 0x, but its readers (ruamel.yaml) accept one.
_NUMBER_1_2 = (
    r"[-+]?0o[0-7]+\Z|[-+]?0x[0-9a-fA-F]+\Z"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"
)
_NUMBER_1_1 = r"""(?x)
      [-+]?0b[0-1_]+\Z | [-+]?[0-9][0-9_]*\Z | [-+]?0x[0-9a-fA-F_]+\Z
      | [-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+\Z | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*\Z
      | [-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?\Z
      | [-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?\Z
      | [0-9]{4}-[0-9]{2}-[0-9]{2}\Z
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?
        (?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?\Z"""

# CPython refuses to convert integers of more than 4,300 digits.
_MAX_DIGITS = 400


class AmbiguousScalar(ValueError):
    """A plain scalar that YAML 1.1 and 1.2 read differently, or a number in an unusual form."""


def resolve(text: str) -> object:
    """Return the value of a plain scalar: None, bool, int, float or the text itself.

    Raises AmbiguousScalar, whose message says what to write instead.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text in _WORDS_OF_1_1:
        raise AmbiguousScalar(_differs(text))
    if text[0] not in _NUMBER_START:
        return text
    if len(text) <= _MAX_DIGITS:
        if _INTEGER.match(text) and text != "-0":
            return int(text)
        if _FLOAT.match(text):
            return float(text)
    if re.match(_FLOAT_SPECIAL, text):
        return float(text.replace(".", "", 1).lower())
    if re.match(_NUMBER_1_1, text) or re.match(_NUMBER_1_2, text):
        raise AmbiguousScalar(_differs(text))
    return text


def _differs(text: str) -> str:
    excerpt = text if len(text) <= 40 else text[:37] + "..."
    return (
        f'YAML versions read {excerpt} differently; write "{excerpt}" if it is text, or a plain'
        " number like 12 or 0.5"
    )
