"""Which models' whole histories are read together, if one model after the other needs its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_MOST = 32
"""So many are read at once, of which some may not be needed."""


class ReadAhead:
    """The models that are planned, by the stems of their manifests, in their order. Each time one
    of them needs its whole history, twice as many of those after it are read with it: a git process
    for each would take long."""

    def __init__(self, stems: Iterable[str]) -> None:
        self._stems = list(stems)
        self._places = {stem: place for place, stem in enumerate(self._stems)}
        self._read_to = 0
        self._count = 1

    def due(self, stem: str) -> Sequence[str]:
        """The stems to read now that this model needs its whole history; none if it was read, or if
        the model is not planned."""
        place = self._places.get(stem, -1)
        if place < self._read_to:
            return ()
        self._read_to = place + self._count
        self._count = min(2 * self._count, _MOST)
        return self._stems[place : self._read_to]
