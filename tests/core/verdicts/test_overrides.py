"""`Gate-Override:` lines, wherever squashing put them (RULES R3)."""

from __future__ import annotations

import time

import pytest

from mlflow_gitops.core.history.mainline import StatedMessage
from mlflow_gitops.core.verdicts.overrides import Override, overrides

SQUASHED = """Promote 14 (#128)

* Promote 14: recall +1.2 pt

Gate-Override: soak: INC-42 hotfix

* Fix a typo
  Gate-Override: metrics: accepted by the owners

Co-authored-by: A Person <a@example.org>
"""


def test_a_squash_body_buries_them() -> None:
    assert list(overrides([StatedMessage(SQUASHED)])) == [
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
        (
            "Gate-Override: my model/My Stage no_worse_than: x",
            Override("no_worse_than", "x", "my model", "My Stage"),
        ),
        (
            "Gate-Override: soak: see runbook/oncall notes: fine",
            Override("soak", "see runbook/oncall notes: fine"),
        ),
        (
            "Gate-Override: soak: https://x.example/a b: c",
            Override("soak", "https://x.example/a b: c"),
        ),
        (
            "Gate-Override: [fraud/Production] soak: a/b c: d",
            Override("soak", "a/b c: d", "fraud", "Production"),
        ),
        (
            "Gate-Override: [m/Staging] soak: in [x/y] z: d",
            Override("soak", "in [x/y] z: d", "m", "Staging"),
        ),
        ("Gate-Override: [a[b]/Production] soak: x", Override("soak", "x", "a[b]", "Production")),
        ("Gate-Override: a[b]/Production soak: x", Override("soak", "x", "a[b]", "Production")),
        (
            "Gate-Override: [team/fraud/Production] soak: x",
            Override("soak", "x", "team/fraud", "Production"),
        ),
        ("Gate-Override: soak", Override("soak", "")),
        ("Gate-Override: fraud/Production soak", Override("soak", "", "fraud", "Production")),
        ("Gate-Override: soak INC-42", None),
        ("Gate-Override: fraud/ soak: x", None),
        ("Gate-Override: [/Production] soak: x", None),
        ("gate-override: soak: x", None),
        ("See Gate-Override: soak: x", None),
        ("> Gate-Override: soak: x", None),
    ],
)
def test_the_forms_of_a_line(line: str, found: Override | None) -> None:
    assert list(overrides([StatedMessage(f"Subject\n\n{line}\n")])) == ([found] if found else [])


LONG = {
    "spaces behind a slash": "a/" + " " * 100_000 + "!",
    "spaces": " " * 100_000 + "!",
    "many ends": "[" + "a/b] " * 10_000,
    "many slashes": "a/b " * 30_000,
}


@pytest.mark.parametrize("line", LONG.values(), ids=LONG.keys())
def test_a_long_line_takes_no_long_time(line: str) -> None:
    """Anybody who opens a pull request writes these messages. A quadratic reading takes minutes."""
    begun = time.process_time()
    assert list(overrides([StatedMessage(f"Gate-Override: {line}")])) == []
    assert time.process_time() - begun < 2


def test_what_a_line_means() -> None:
    general, one = Override("soak", "x"), Override("soak", "x", "fraud", "Production")
    assert general.means("fraud", "Staging") and one.means("fraud", "Production")
    assert not one.means("fraud", "Staging") and not one.means("churn", "Production")
