"""Which part of the main line an audit is about, so that the rest of it need not be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_gitops.core.manifests.names import file_stem
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder

if TYPE_CHECKING:
    from mlflow_gitops.app.audit.line.moments import LineMoments
    from mlflow_gitops.core.history.line.file_choice import FileChoice


@dataclass(frozen=True, slots=True)
class LinePart:
    """A part of the main line; by default, all of it. Give one of these:

    - `model`: one model, under each of its names.
    - `names`: the models of these names, each name by itself.
    - `since`, a time or revision, or `last`, a count of commits: only later events, of all models.
    - `window`, a count of commits: what every model declared `until` a time or revision, by default
      the end, and which commit of so many before it made it so.
    """

    model: str | None = None
    names: Sequence[str] | None = None
    since: str | None = None
    last: int | None = None
    until: str | None = None
    window: int | None = None

    @property
    def models(self) -> Sequence[str] | None:
        """The models that are named; None for all."""
        return [self.model] if self.model is not None else self.names

    @property
    def stems(self) -> list[str] | None:
        """The stems of these models' manifests."""
        return [file_stem(name) for name in self.models] if self.models is not None else None

    @property
    def followed_stems(self) -> list[str] | None:
        """The stems of the models that are followed through their names; None for none."""
        return self.stems if self.model is not None else None

    def own_stems(self, stems: list[str], start: int) -> list[str] | None:
        """Of the stems of all models, those that are read each by itself; None for those that
        changed since `start`."""
        if self.window is not None and start:
            return stems
        return self.stems if self.model is None else None

    def bounds(
        self, find_moments: Callable[[], LineMoments], length: int, *, is_indexed: bool
    ) -> tuple[int, int]:
        """The indexes of the commits, of `length`, from which on and up to which (excluded)
        everything is needed. Without an index, git reads all of it anyway. Raises UsageFailure and
        GitFailure as `LineMoments` does."""
        if self.since is not None:
            return find_moments().index_range(self.since, None)[0], length
        if self.last is not None:
            return max(0, length - self.last), length
        if self.window is None or not is_indexed:
            return 0, length
        end = find_moments().index_of(self.until) + 1 if self.until is not None else length
        return max(0, end - self.window), end

    def choice(
        self, registry: RegistryFolder, start: int, end: int, *, shortens: bool
    ) -> FileChoice | None:
        """The files that are needed, and which of their changes; None for all. With
        `shortens=False`, a file that is needed is needed whole."""
        if self.models is None and not start:
            return None
        from mlflow_gitops.core.history.line import file_choice

        if self.models is not None:
            return file_choice.files_of_models(registry, self.models)
        if self.window is None:
            return file_choice.files_since(registry, start, shortens=shortens)
        return file_choice.files_between(registry, start, end) if shortens else None


WHOLE_LINE = LinePart()
