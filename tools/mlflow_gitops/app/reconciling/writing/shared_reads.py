"""Models that are written side by side are read together: one reading serves all that wait for
one, so that it takes two requests for all of them, and not two for each (DESIGN §6)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.observed.model import ObservedModel
from mlflow_gitops.errors import RegistryFailure
from mlflow_gitops.settings import Patience

if TYPE_CHECKING:
    from mlflow_gitops.edges.mlflow.registry import Registry

ReadOne = Callable[[str], "ObservedModel | None"]
ReadMany = Callable[[Collection[str]], Mapping[str, ObservedModel]]


@dataclass(slots=True)
class _Reading:
    """One reading of several models: who waits for it, and what it returned. `observed` stays None
    if it failed."""

    names: list[str] = field(default_factory=list)
    has_begun: bool = False
    is_done: bool = False
    observed: Mapping[str, ObservedModel] | None = None


class SharedReads:
    """The readings of one run. A reading begins after all of its models asked for it, so that each
    sees its own writes, and each goes on as soon as it has ended: what a model's writes are based
    on is as fresh as if it had been read alone.

    A reading begins when all models under way wait for it. One that is slow, such as one whose
    files are compared, is waited for once, for `patience` seconds. If a reading fails, each of its
    models is read by itself: the failure of one model is no other's.

    `read_many` gets no names and returns the function that reads several models in one request, or
    None if the registry has none as far as is known now; then each is read by itself.
    """

    def __init__(
        self,
        read_one: ReadOne,
        read_many: Callable[[], ReadMany | None] = lambda: None,
        patience: float = 2.0,
    ) -> None:
        self._read_one = read_one
        self._read_many = read_many
        self._patience = patience
        self._changed = threading.Condition()
        self._next = _Reading()
        self._busy: set[str] = set()
        self._late: set[str] = set()
        self._in_reading = 0
        self._coming = 0
        self._remaining = 0

    def begin(self, models: int, writers: int) -> None:
        """Note how many models will enter, and how many of them side by side."""
        with self._changed:
            self._coming = min(models, writers)
            self._remaining = models - self._coming

    def enter(self, name: str) -> None:
        """Note that a model is under way."""
        with self._changed:
            self._coming = max(0, self._coming - 1)
            self._busy.add(name)

    def read_alone(self, name: str) -> None:
        """Let a model that is under way wait for no other from now on, and no other for it."""
        with self._changed:
            self._busy.discard(name)
            self._late.discard(name)
            self._changed.notify_all()

    def leave(self, name: str) -> None:
        """Note that a model is done. Its thread takes the next one, if there is one."""
        self.read_alone(name)
        with self._changed:
            if self._remaining:
                self._remaining -= 1
                self._coming += 1

    def end(self) -> None:
        """Note that no other model will enter."""
        with self._changed:
            self._coming = self._remaining = 0
            self._changed.notify_all()

    def read(self, name: str) -> ObservedModel | None:
        """Read a model together with others, or by itself. Raises RegistryFailure if it cannot be
        read by itself, either."""
        read_many = self._read_many()
        reading = self._join(name) if read_many is not None else None
        if reading is None or read_many is None:
            return self._read_one(name)

        if self._is_reader(reading):
            self._carry_out(reading, read_many)
        else:
            with self._changed:
                self._changed.wait_for(lambda: reading.is_done)
        return self._read_one(name) if reading.observed is None else reading.observed.get(name)

    def _join(self, name: str) -> _Reading | None:
        """The reading that a model waits for; None if it is read by itself."""
        with self._changed:
            if name not in self._busy:
                return None
            self._busy.discard(name)
            self._late.discard(name)
            self._next.names.append(name)
            self._changed.notify_all()
            return self._next

    def _is_reader(self, reading: _Reading) -> bool:
        """Wait until the reading may begin. Whether the calling thread is the one to read."""
        with self._changed:
            self._changed.wait_for(lambda: reading.has_begun or self._is_complete(), self._patience)
            if reading.has_begun:
                return False
            if not self._is_complete():
                self._late |= self._busy
            reading.has_begun = True
            self._in_reading += len(reading.names)
            self._next = _Reading()
            return True

    def _is_complete(self) -> bool:
        """Whether every model that is waited for has asked to be read."""
        return not (self._busy - self._late) and not self._coming and not self._in_reading

    def _carry_out(self, reading: _Reading, read_many: ReadMany) -> None:
        """Read, and let all models of the reading go on. A model that is alone is read as it would
        be without others."""
        try:
            if len(reading.names) > 1:
                reading.observed = read_many(reading.names)
        except RegistryFailure:
            pass  # each is read by itself
        finally:
            with self._changed:
                reading.is_done = True
                self._in_reading -= len(reading.names)
                self._busy.update(reading.names)
                self._changed.notify_all()


def shared_reads(
    registry: Registry, models: Mapping[str, Desired], patience: Patience
) -> SharedReads:
    """The readings that these models share, if the registry takes lists of names."""
    kinds = {name: desired.manifest.kind for name, desired in models.items()}

    def read_one(name: str) -> ObservedModel | None:
        return registry.read(name, kinds[name])

    def read_many(names: Collection[str]) -> Mapping[str, ObservedModel]:
        prompts = [name for name in names if kinds[name] == "prompt"]
        return registry.observe(names, only=True, prompts=prompts)

    return SharedReads(
        read_one, lambda: read_many if registry.reads_lists else None, patience.shared_read
    )
