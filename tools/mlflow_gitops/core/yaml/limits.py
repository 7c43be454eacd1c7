"""What a manifest's YAML may be: its size, its depth, and its characters."""

from __future__ import annotations

import re

MAX_BYTES = 1 << 20
MAX_DEPTH = 32

# C0 and C1 controls, line separators that YAML and editors count differently, and characters that
# change the order in which text is shown (U+061C, U+200E-F, U+202A-E, U+2066-9): with them, a diff
# could show a reviewer something else than what is stored.
CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
