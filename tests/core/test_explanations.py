"""How `explain` reads its page, and which entry a person means."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.explanations import Explanation, explanations_of, read_explanations

PAGE = """# The codes

## Files

### `stage-unknown`

A stage is named
that nobody has.

**Why:** See [policy.md](policy.md).

**Ways out:**

- Correct it.
- Define it.

```yaml
stages: {Production: 12}
```

## Findings of verify

### `held`

Not so.

**Why:** Because.

**Ways out:**

- Nothing.

## Checks of doctor

### `git depth`, `workflows depth`

Shallow.

**Why:** Because.

**Ways out:**

- Fetch.
"""


def test_an_entry_has_all_its_parts() -> None:
    assert read_explanations(PAGE)[0] == Explanation(
        "stage-unknown",
        "file",
        "",
        "A stage is named\nthat nobody has.",
        "See policy.md.",
        ("Correct it.", "Define it."),
        "stages: {Production: 12}",
    )


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        ("stage-unknown", ["stage-unknown"]),
        ("error[stage-unknown]", ["stage-unknown"]),
        ("depth", ["git depth", "workflows depth"]),
        ("git depth", ["git depth"]),
        ("held 12 Production", ["held"]),
        ("stage", []),
        ("", []),
    ],
)
def test_the_entry_that_is_meant(words: str, titles: list[str]) -> None:
    found = explanations_of(words, read_explanations(PAGE))
    assert [entry.title for entry in found] == titles


@pytest.mark.parametrize(
    "lost", ["**Why:** Because.\n\n", "- Nothing.\n", "## Findings of verify\n"]
)
def test_a_page_that_lacks_a_part_is_not_read(lost: str) -> None:
    with pytest.raises(ValueError, match="not in the form"):
        read_explanations(PAGE.replace(lost, "## Others\n" if lost[0] == "#" else "", 1))
