"""The contract's pages: every rule that a comment cites exists, and every word of the glossary is
defined once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tools" / "mlflow_gitops"
_CITED = re.compile(r"\b(RULES|DESIGN)\b(?:'s)?[ \n#]*(?:(R\d+)|§ ?(\d+))")
_GLOSSARY_ROW = re.compile(r"^\| ([^|]+?) \| ([^|]+?) \|$", re.MULTILINE)


def headings(page: str) -> set[str]:
    """The rules (`R3`) or sections (`4`) that a page has."""
    text = (PACKAGE / page).read_text(encoding="utf-8")
    return set(re.findall(r"^## (R\d+|\d+)\b", text, re.MULTILINE))


def citations() -> Iterator[tuple[Path, str, str]]:
    """Each citation in the code: its file, the page, and the rule or section."""
    for folder in ("tools", "tests", ".github"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".py", ".yml", ".md") or path.name in ("RULES.md", "DESIGN.md"):
                continue
            for page, rule, section in _CITED.findall(
                path.read_text(encoding="utf-8", errors="replace")
            ):
                yield path, f"{page}.md", rule or section


def test_every_cited_rule_exists() -> None:
    cited = list(citations())
    assert len(cited) > 50, "the pattern no longer matches how comments cite"

    missing = [(path.name, page, rule) for path, page, rule in cited if rule not in headings(page)]
    assert not missing


@pytest.mark.parametrize("page", ["RULES.md", "DESIGN.md", "GLOSSARY.md"])
def test_each_rule_that_a_page_names_exists(page: str) -> None:
    text = (PACKAGE / page).read_text(encoding="utf-8")
    assert set(re.findall(r"\bR\d+\b", text)) <= headings("RULES.md")


def test_each_word_is_defined_once() -> None:
    rows = _GLOSSARY_ROW.findall((PACKAGE / "GLOSSARY.md").read_text(encoding="utf-8"))
    words = [word.strip() for row, _ in rows for word in row.split(",")]
    words = [word for word in words if word not in ("word", "---")]
    assert len(words) > 50
    assert sorted(words) == sorted(set(words))


def test_each_file_that_a_recipe_names_exists() -> None:
    """The recipes of CONTRIBUTING name files of the package, the schemas and the tests."""
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipes = text[text.index("## Recipes") : text.index("## Changes to")]
    named = set(re.findall(r"`((?:[\w.]+/)+(?:[\w.]+\.\w+)?)`", recipes))
    assert len(named) > 15

    missing = [file for file in named if not ((PACKAGE / file).exists() or (ROOT / file).exists())]
    assert not missing
