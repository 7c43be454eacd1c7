"""registry/policy.md lists every field of the schemas, as they are."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.explanations import read_explanations
from mlflow_gitops.core.yaml.field_places import fields_of
from tests.support.project.fields_page import CODES, FILES, PAGE, page, schemas
from tests.support.project.pages import text_of


def test_the_page_is_what_the_schemas_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "write it again: python -m tests.support.project.fields_page"
    )


@pytest.mark.parametrize("file", FILES)
def test_each_field_has_its_row(file: str) -> None:
    fields = list(fields_of(schemas()[file]))
    text = PAGE.read_text(encoding="utf-8")  # which is `page()`, see above
    assert len(fields) > 8
    for field in fields:
        if not field.path.startswith("models[].stages.STAGE."):
            assert f"`{field.name}`" in text and field.schema["description"] in text


def test_what_else_is_refused_names_fields_and_codes_that_there_are() -> None:
    paths = {f"{file} {field.path}" for file in FILES for field in fields_of(schemas()[file])}
    assert CODES.keys() <= paths
    codes = {entry.code for entry in read_explanations(text_of("registry/codes.md"))}
    assert {code for refused in CODES.values() for code in refused} <= codes
