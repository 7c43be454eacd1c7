"""The files of the report: which page a model has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

INDEX = "index.html"
FOLDER = "models"

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}(?:\.[a-z0-9_-]{1,20})*")
_OTHER = re.compile(r"[^a-z0-9]+")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|index|com[0-9]|lpt[0-9])(?:\..*)?")
"""Device names of Windows, and what a server shows for the folder itself."""


def page_names(models: Iterable[str]) -> dict[str, str]:
    """Model to the path of its page in the report's folder.

    A name that is a plain file name on every system is used as it is. Any other gets the start of
    its SHA-256, so that two names never share a file, also where case makes no difference.
    """
    return {model: f"{FOLDER}/{_stem(model)}.html" for model in models}


def _stem(model: str) -> str:
    if len(model) <= 80 and _PLAIN.fullmatch(model) and not _RESERVED.fullmatch(model):
        return model
    words = _OTHER.sub("-", model.lower()).strip("-")[:40] or "model"
    return f"{words}-{sha256(model.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
