"""Proposals of new versions: the text of a pull request, and what a run did. Names, descriptions
and whatever else others wrote stand as code (`render/markdown_safe.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mlflow_gitops.core.comparison.values import Comparison
from mlflow_gitops.core.observed.model import ObservedVersion
from mlflow_gitops.core.wording import version_list
from mlflow_gitops.render import plan_markdown
from mlflow_gitops.render.markdown_safe import LIMIT, code
from mlflow_gitops.render.terminal import safe

Result = Literal["opened", "updated", "unchanged", "withdrawn", "left", "waits"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one model's proposal. `version` is None where none is proposed; `detail` is
    the pull request's address, or why it was left."""

    model: str
    stage: str
    before: tuple[int, ...]
    version: int | None
    result: Result
    detail: str


def page(
    model: str, stage: str, version: ObservedVersion, replaces: str, found: Comparison | None
) -> str:
    """The text of a pull request that proposes a version. `replaces` says what it does to the
    stages."""
    whence = [f"at {version.created}"] if version.created else []
    whence += [f"by run {code(version.run_id)}"] if version.run_id else []
    parts = [
        f"MLflow has version {version.number} of {code(model)}" + (f", registered {' '.join(whence)}" if whence else "")
        + f". Once this is merged, it holds {code(stage)}. {replaces}"
    ]  # fmt: skip
    if version.description:
        parts.append(f"Its description: {code(version.description)}")
    parts.append(
        f"Close this without a merge, and version {version.number} is not proposed again. A newer"
        " version takes this pull request over, unless somebody else has committed to its branch."
    )
    head = "\n\n".join(parts)
    if found is None:
        return f"{head}\n\nNo version holds a stage yet, so there is nothing to compare it with."
    return "\n\n".join(
        [head, *plan_markdown.comparison(found, LIMIT - len(head.encode("utf-8", "replace")) - 100)]
    )


def text(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """A line for each model."""
    for one in outcomes:
        yield (
            f"{safe(one.model)}   {safe(one.stage)}  {_move(one)}   {one.result}:"
            f" {safe(one.detail)}"
        )


def summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The same for a job's summary."""
    yield "## Model registry: proposals\n"
    for one in outcomes:
        detail = one.detail if one.detail.startswith("https://") else code(one.detail)
        yield f"- {code(one.model)} {code(one.stage)} **{_move(one)}** {one.result}: {detail}"
    if not outcomes:
        yield "No new version is to be proposed."


def _move(one: Outcome) -> str:
    before = version_list(one.before)
    return before if one.version is None else f"{before} → {one.version}"
