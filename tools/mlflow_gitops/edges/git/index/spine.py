"""The commits of an indexed line: ids, dates and merges, packed into segments."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from mlflow_gitops.core.history.mainline import MainLine

SEGMENT = 4096
"""Commits of one row."""
_DATE_BYTES = 8
_ID_LENGTHS = (40, 64)  # hex digits of SHA-1 and SHA-256


@dataclass
class Spine:
    """The first-parent line of one commit, as in `MainLine`."""

    shas: list[str] = field(default_factory=list)
    dates: list[int] = field(default_factory=list)
    merges: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def index(self) -> dict[str, int]:
        return {sha: position for position, sha in enumerate(self.shas)}

    @property
    def tip(self) -> str:
        return self.shas[-1]

    def line(self, length: int) -> MainLine:
        """The line of the first commits, without times and changes."""
        merges = {position: beside for position, beside in self.merges.items() if position < length}
        return MainLine(
            self.shas[:length], [], {}, merges=merges, dates=self.dates[:length]
        )  # every list is a new one, since readers extend it

    def extended(self, length: int, newer: list[tuple[int, str, list[str]]]) -> MainLine:
        """The line of the first commits and newer ones: date, id and parents of each."""
        line = self.line(length)
        for seconds, sha, parents in newer:
            if len(parents) > 1:
                line.merges[len(line.shas)] = tuple(parents[1:])
            line.shas.append(sha)
            line.dates.append(seconds)
        return line

    def common_length(self, shas: list[str]) -> int:
        """How many commits another line has in common with this one, from its beginning on."""
        low, high = 0, min(len(shas), len(self.shas))
        if shas[:high] == self.shas[:high]:
            return high
        while low < high:
            middle = (low + high + 1) // 2
            if shas[:middle] == self.shas[:middle]:
                low = middle
            else:
                high = middle - 1
        return low

    def add(self, data: bytes, line_ids: list[str]) -> None:
        """Add a packed segment. `line_ids` are the ids of a line that is in memory: those of the
        segment that are the same take no memory again. Raises ValueError for a segment that cannot
        be unpacked."""
        header, _, packed = data.partition(b"\n")
        count, id_length, packed_merges = json.loads(header)
        if id_length not in _ID_LENGTHS or len(packed) != count * (id_length // 2 + _DATE_BYTES):
            raise ValueError("a segment of another length")

        split = count * id_length // 2
        digits = packed[:split].hex()
        start = len(self.shas)
        shas = line_ids[start : start + count]
        if "".join(shas) != digits:
            shas = [digits[at : at + id_length] for at in range(0, len(digits), id_length)]
        self.shas += shas
        dates = array("q")
        dates.frombytes(packed[split:])
        if sys.byteorder == "big":
            dates.byteswap()
        self.dates += dates
        self.merges.update((start + offset, tuple(beside)) for offset, beside in packed_merges)


def segments(line: MainLine, since: int = 0) -> Iterator[tuple[int, bytes]]:
    """Pack a line, from the segment on that has the position `since`: number and content of each
    segment."""
    for number in range(since // SEGMENT, (len(line.shas) + SEGMENT - 1) // SEGMENT):
        start = number * SEGMENT
        shas = line.shas[start : start + SEGMENT]
        dates = array("q", line.dates[start : start + SEGMENT])
        if sys.byteorder == "big":
            dates.byteswap()
        merges = [
            [position - start, line.merges[position]]
            for position in range(start, start + len(shas))
            if position in line.merges
        ]
        header = json.dumps([len(shas), len(shas[0]), merges], separators=(",", ":")).encode()
        yield number, b"".join([header, b"\n", bytes.fromhex("".join(shas)), dates.tobytes()])
