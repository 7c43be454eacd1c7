"""Proposals of new versions: the text of a pull request, and the outcomes of a run. Names,
descriptions and other text that people wrote appear as code (`render/markdown_safe.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mlflow_gitops.core.comparison.values import Comparison
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render.comparison import markdown
from mlflow_gitops.render.markdown_safe import LIMIT, code
from mlflow_gitops.render.terminal import safe

Result = Literal["opened", "updated", "unchanged", "withdrawn", "left", "waits"]


@dataclass(frozen=True, slots=True)
class ProposalOutcome:
    """What became of one model's proposal. `holders` are the versions in the stage. `version` is
    None if none is proposed. Either `url` is the pull request's, or `reason` is why it was left as
    it is."""

    model: str
    stage: str
    holders: tuple[int, ...]
    version: int | None
    result: Result
    reason: str = ""
    url: str | None = None


def page(
    model: str, stage: str, version: ObservedVersion, replaces: str, comparison: Comparison | None
) -> str:
    """Return the text of a pull request that proposes a version. `replaces` is a sentence about
    what it does to the stages."""
    registered = [f"at {version.created}"] if version.created else []
    registered += [f"by run {code(version.run_id)}"] if version.run_id else []
    origin = f", registered {' '.join(registered)}" if registered else ""
    parts = [
        f"MLflow has version {version.number} of {code(model)}{origin}. Once this is merged, it"
        f" holds {code(stage)}. {replaces}"
    ]
    if version.description:
        parts.append(f"Its description: {code(version.description)}")
    parts.append(
        f"Close this without a merge, and version {version.number} is not proposed again. A newer"
        " version takes this pull request over, unless somebody else has committed to its branch."
    )

    head = "\n\n".join(parts)
    if comparison is None:
        return f"{head}\n\nNo version holds a stage yet, so there is nothing to compare it with."
    room = LIMIT - len(head.encode("utf-8", "replace")) - 100
    return "\n\n".join([head, *markdown.markdown(comparison, room)])


def text(outcomes: Iterable[ProposalOutcome]) -> Iterator[str]:
    """Yield one line for each model, for a terminal."""
    for outcome in outcomes:
        yield (
            f"{safe(outcome.model)}   {safe(outcome.stage)}  {_move(outcome)}   {outcome.result}:"
            f" {safe(outcome.url or outcome.reason)}"
        )


def summary(outcomes: Sequence[ProposalOutcome]) -> Iterator[str]:
    """Yield the same in Markdown, for a run's summary."""
    yield "## Model registry: proposals\n"
    for outcome in outcomes:
        detail = outcome.url or code(outcome.reason)
        yield (
            f"- {code(outcome.model)} {code(outcome.stage)} **{_move(outcome)}** {outcome.result}:"
            f" {detail}"
        )
    if not outcomes:
        yield "No new version is to be proposed."


def _move(outcome: ProposalOutcome) -> str:
    holders = version_list(outcome.holders)
    return holders if outcome.version is None else f"{holders} → {outcome.version}"
