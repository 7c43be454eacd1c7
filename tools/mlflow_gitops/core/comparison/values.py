"""Two versions side by side, as a value: what `compare` shows, and the plan under a stage that gets
another version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.recorded.values import Dataset, ModelFile, Record
from mlflow_gitops.core.secrets import is_secret_metric


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one version.

    `stages` are the stages and aliases (`@alias`) that it holds in MLflow. `record` and `file` are
    None where nothing was recorded; for one that could not be read, `unread` says why, by its name.
    """

    version: ObservedVersion
    stages: tuple[str, ...] = ()
    record: Record | None = None
    file: ModelFile | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return self.version.number


@dataclass(frozen=True, slots=True)
class Pair:
    """One thing that has a name, before and after; None where a version does not have it."""

    key: str
    before: str | None
    after: str | None

    @property
    def is_same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True, slots=True)
class MetricPair:
    """One metric on one dataset (None: MLflow does not say which), before and after."""

    key: str
    dataset: Dataset | None
    before: float | None
    after: float | None

    @property
    def is_secret(self) -> bool:
        """Whether its name looks like that of a secret, so that no value is shown."""
        return is_secret_metric(self.key)

    @property
    def delta(self) -> float | None:
        """After less before; None where the two were not measured on the same data."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True)
class SignatureChange:
    """One difference of two signatures. It `breaks` when what calls the old version could not call
    the new one."""

    detail: str
    breaks: bool


@dataclass(frozen=True, slots=True)
class Rewording:
    """What two versions of a prompt say: the lines by which their texts differ, each after `+`, `-`
    or a space, `@@` before each place; and what they say beside, on either side."""

    lines: tuple[str, ...]
    settings: tuple[Pair, ...]

    def count(self, sign: str) -> int:
        """The lines that came (`+`) or went (`-`)."""
        return sum(1 for line in self.lines if line.startswith(sign))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions of one model, or of one prompt; of a prompt, `rewording` has everything and the
    rest is empty.

    `metrics`, `datasets` (name to digest) and `data` (path of a DVC file to MD5) hold what is on
    either side; `params` and `libraries` what differs. `same` counts what does not, by those two
    names. `signature` lists the differences, harmless ones too; None where one of the two has no
    signature.
    """

    model: str
    before: Facts
    after: Facts
    metrics: tuple[MetricPair, ...] = ()
    params: tuple[Pair, ...] = ()
    datasets: tuple[Pair, ...] = ()
    data: tuple[Pair, ...] = ()
    signature: tuple[SignatureChange, ...] | None = None
    libraries: tuple[Pair, ...] = ()
    same_counts: Mapping[str, int] = field(default_factory=dict)
    rewording: Rewording | None = None

    @property
    def breaking(self) -> tuple[str, ...]:
        return tuple(change.detail for change in self.signature or () if change.breaks)

    @property
    def incomparable_metrics(self) -> tuple[str, ...]:
        """Metrics that both versions have, but never on the same data, so that their values cannot
        be compared."""
        comparable = {pair.key for pair in self.metrics if pair.delta is not None}
        before = {pair.key for pair in self.metrics if pair.before is not None}
        after = {pair.key for pair in self.metrics if pair.after is not None}
        return tuple(sorted((before & after) - comparable))

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Bytes, before and after."""
        before, after = self.before.file, self.after.file
        return before.size if before else None, after.size if after else None

    @property
    def python(self) -> tuple[str | None, str | None]:
        """Python's versions, before and after."""
        before, after = self.before.file, self.after.file
        return before.python if before else None, after.python if after else None

    @property
    def code(self) -> tuple[str | None, str | None]:
        """The commits that the runs were made from, before and after."""
        before, after = self.before.record, self.after.record
        return before.code_commit if before else None, after.code_commit if after else None
