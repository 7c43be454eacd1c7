"""`Gate-Override:` lines, wherever squashing put them (RULES R3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.gates.overrides import Override, overrides

SQUASHED = """Promote 14 (#128)

* Promote 14: recall +1.2 pt

Gate-Override: soak: INC-42 hotfix

* Fix a typo
  Gate-Override: metrics: accepted by the owners

Co-authored-by: A Person <a@example.org>
"""


def test_a_squash_body_buries_them() -> None:
    assert list(overrides([SQUASHED])) == [
        Override("soak", "INC-42 hotfix"),
        Override("metrics", "accepted by the owners"),
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Gate-Override: soak: INC-42", Override("soak", "INC-42")),
        ("Gate-Override:soak:INC-42", Override("soak", "INC-42")),
        ("* Gate-Override: soak: INC-42", Override("soak", "INC-42")),
        ("Gate-Override: soak: a: b", Override("soak", "a: b")),
        ("Gate-Override: soak: INC-42\r", Override("soak", "INC-42")),
        ("Gate-Override: soak:", Override("soak", "")),
        ("Gate-Override: soak:   ", Override("soak", "")),
        ("Gate-Override: fraud/Production soak: x", Override("soak", "x", "fraud", "Production")),
        ("Gate-Override: [fraud/Production] soak: x", Override("soak", "x", "fraud", "Production")),
        ("Gate-Override: my model/My Stage no_worse_than: x", Override("no_worse_than", "x", "my model", "My Stage")),
        ("Gate-Override: soak", None),
        ("gate-override: soak: x", None),
        ("See Gate-Override: soak: x", None),
        ("> Gate-Override: soak: x", None),
    ],
)
def test_the_forms_of_a_line(line: str, found: Override | None) -> None:
    assert list(overrides([f"Subject\n\n{line}\n"])) == ([found] if found else [])


def test_what_a_line_means() -> None:
    general, one = Override("soak", "x"), Override("soak", "x", "fraud", "Production")
    assert general.means("fraud", "Staging") and one.means("fraud", "Production")
    assert not one.means("fraud", "Staging") and not one.means("churn", "Production")
