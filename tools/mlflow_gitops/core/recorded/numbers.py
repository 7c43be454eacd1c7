"""Numbers as text for people."""

from __future__ import annotations


def short(value: float) -> str:
    """A number in at most six significant digits."""
    return f"{value:.6g}"


def signed(difference: float) -> str:
    """A difference with its sign, in at most four significant digits."""
    is_nan = difference != difference
    return "not a number" if is_nan else f"{difference:+.4g}"


def distinct(value: float, second_value: float) -> tuple[str, str]:
    """Two numbers in as few digits as show which one is larger: never `0.9 < 0.9`."""
    for digits in (4, 6, 9, 12):
        texts = f"{value:.{digits}g}", f"{second_value:.{digits}g}"
        same_order = (float(texts[0]) < float(texts[1])) == (value < second_value)
        if same_order and (texts[0] != texts[1] or value == second_value):
            return texts
    return repr(value), repr(second_value)


def format_size(size: int) -> str:
    """Bytes as people write them: `512 B`, `1.2 kB`, `34.5 MB`."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.95:
            return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
