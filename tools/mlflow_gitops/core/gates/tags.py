"""`tags`: the version carries these tags in MLflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlflow_gitops.core.gates.gate import Finding, Gate, failed, passed, required
from mlflow_gitops.core.secrets import is_secret_name, mask_pair

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject

Tags = Mapping[str, str]


def read(rule: Mapping[str, Any]) -> Tags | None:
    """Each tag with the value that it must have."""
    return dict(required(rule, "tags") or {}) or None


def ask(subject: Subject, expected_tags: Tags) -> Iterator[Finding]:
    """One finding for each tag. What the manifest itself declares does not count."""
    for key, expected in expected_tags.items():
        if subject.declares_tag(key):
            yield failed(
                f"tag {key} is declared by the manifest itself; what checked the version has to set"
                " it in MLflow"
            )
            continue

        actual = subject.tags().get(key)
        shown_values = (
            (actual, expected) if not is_secret_name(key) else mask_pair(actual, expected)
        )
        facts = dict(zip(("tag", "value", "expected"), (key, *shown_values), strict=True))
        if actual == expected:
            yield passed(f"tag {key} is {expected}", facts)
        elif actual is None:
            yield failed(f"tag {key} is missing", facts)
        else:
            yield failed(f"tag {key} is {actual!r}, not {expected!r}", facts)


GATE = Gate("tags", ask, read)
