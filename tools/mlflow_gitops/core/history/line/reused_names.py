"""Names that a model gave up and another one took (RULES R1)."""

from __future__ import annotations

from mlflow_gitops.core.history.line.renames import NamePeriod, Renames


def later_stem(renames: Renames, stem: str, index: int) -> str:
    """The stem of the last name of the model that had a name at a commit of the line. Another model
    may have been given the former name since."""
    while True:
        later = {at: new for at, new in renames.renamed_away(stem).items() if at > index}
        if not later:
            return stem
        index = min(later)
        stem = later[index]


def name_free_since(renames: Renames, period: NamePeriod) -> int:
    """The commit of the line that renamed the model which had a name before; 0 if none did. What
    receipts record of the name before that is another model's."""
    renamed_at = renames.renamed_away(period.stem)
    return max((at for at in renamed_at if at < period.end), default=0)
