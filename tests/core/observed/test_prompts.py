"""What a prompt's version says: its digest, its lines, and texts that others may have written."""

from __future__ import annotations

import hashlib
import json

import pytest

from mlflow_gitops.core.observed.prompt_changes import changed_lines
from mlflow_gitops.core.observed.prompts import PromptText, prompt_words, user_tags

TAGS = {
    "mlflow.prompt.is_prompt": "true",
    "mlflow.prompt.text": "Grüß {{name}}",
    "_mlflow_prompt_type": "text",
    "_mlflow_prompt_model_config": '{"model_name": "small", "temperature": 0.2}',
    "reviewed": "yes",
    "gitops.commit": "abc",
}


def test_a_digest_is_of_all_that_a_service_is_given() -> None:
    said = prompt_words(TAGS)
    assert said == PromptText(
        "Grüß {{name}}", False, None, '{"model_name": "small", "temperature": 0.2}'
    )
    spelt = (
        '["Gr\\u00fc\\u00df {{name}}", false, null, "{\\"model_name\\": \\"small\\",'
        ' \\"temperature\\": 0.2}"]'
    )
    assert said.digest == "sha256:" + hashlib.sha256(spelt.encode()).hexdigest()
    changes = {
        "mlflow.prompt.text": "Grüss {{name}}",
        "_mlflow_prompt_type": "chat",
        "_mlflow_prompt_response_format": "{}",
        "_mlflow_prompt_model_config": "{}",
    }
    assert (
        len(
            {
                said.digest,
                *(prompt_words({**TAGS, key: value}).digest for key, value in changes.items()),
            }
        )
        == 5
    )
    assert (
        prompt_words({**TAGS, "reviewed": "no", "_mlflow_experiment_ids": ",1,"}).digest
        == said.digest
    )


def test_mlflows_own_tags_are_nobodys() -> None:
    assert user_tags({**TAGS, "_mlflow_experiment_ids": ",1,"}) == {
        "reviewed": "yes",
        "gitops.commit": "abc",
    }


def test_a_chat_is_told_message_by_message() -> None:
    chat = [
        {"role": "system", "content": "Be kind.\nBe short."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": "ann"},
    ]
    assert PromptText(json.dumps(chat), chat=True).lines() == [
        "[system]", "Be kind.", "Be short.", "[user]", '[{"type": "text", "text": "Hi"}]',
        'name: "ann"',
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["{", "[1]", '{"role": "user"}', "[" * 50_000, "[[" * 60_000, ""])
def test_a_chat_that_is_none_is_told_as_it_stands(text: str) -> None:
    said = PromptText(text, chat=True, model_config=text)
    assert said.lines() == [text]
    assert said.settings()["type"] == "chat" and said.digest.startswith("sha256:")


def test_settings_by_name() -> None:
    said = PromptText(
        "x", response_format="{}", model_config='{"temperature": 0.2, "model_name": "small"}'
    )
    assert said.settings() == {
        "type": "text", "response format": "{}", "temperature": "0.2", "model_name": "small",
    }  # fmt: skip
    assert PromptText(None).settings() == {"type": "text"} and PromptText(None).lines() == [""]


def test_the_lines_that_differ() -> None:
    assert list(changed_lines(PromptText("a\nb"), PromptText("a\nb"))) == []
    assert list(changed_lines(PromptText("a\nb"), PromptText("a\n--- c"))) == [
        "@@ -1,2 +1,2 @@",
        " a",
        "-b",
        "+--- c",
    ]
    assert list(changed_lines(PromptText("-- a"), PromptText("++ b"))) == [
        "@@ -1 +1 @@",
        "--- a",
        "+++ b",
    ]
    long = "\n" * 100_000
    assert list(changed_lines(PromptText(long), PromptText("a"))) == [
        "-100001 lines",
        "+1 lines, too many to compare",
    ]
    assert list(changed_lines(PromptText(long), PromptText(long))) == []
