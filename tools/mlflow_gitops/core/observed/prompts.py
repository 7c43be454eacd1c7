"""What one version of a prompt says: its text and all else that MLflow returns when it is loaded.

MLflow (3.4 to 3.17) keeps a prompt in the table of registered models and what a version says in its
tags, which users who may edit the prompt can overwrite. So a version is pinned by a digest of just
that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

IS_PROMPT_TAG = "mlflow.prompt.is_prompt"
TEXT_TAG = "mlflow.prompt.text"
TYPE_TAG = "_mlflow_prompt_type"
RESPONSE_FORMAT_TAG = "_mlflow_prompt_response_format"
MODEL_CONFIG_TAG = "_mlflow_prompt_model_config"

_MLFLOWS_OWN = ("mlflow.", "_mlflow_")
_LARGEST = 100_000
"""Characters of JSON that are read as such."""


class PromptText(NamedTuple):
    """What a version says, as MLflow keeps it: a chat's messages, the response format and the
    model's configuration are JSON. `text` is None for a version that has none, which MLflow's own
    functions never make."""

    text: str | None
    chat: bool = False
    response_format: str | None = None
    model_config: str | None = None

    @property
    def digest(self) -> str:
        """`sha256:…` over the JSON list of the four, `json.dumps([text, chat, response_format,
        model_config])` in ASCII."""
        return "sha256:" + hashlib.sha256(json.dumps(self).encode()).hexdigest()

    def lines(self) -> list[str]:
        """The text line by line; of a chat, each message under its role."""
        messages = _parsed(self.text) if self.chat else None
        if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
            return (self.text or "").split("\n")
        return [line for message in messages for line in _message(message)]

    def settings(self) -> dict[str, str]:
        """What it says beside its text, a thing a name."""
        settings = {"type": "chat" if self.chat else "text"}
        if self.response_format is not None:
            settings["response format"] = self.response_format
        if self.model_config is not None:
            config = _parsed(self.model_config)
            values = config if isinstance(config, dict) else {"model config": config}
            settings |= {
                str(key): value if isinstance(value, str) else json.dumps(value)
                for key, value in values.items()
            }
        return settings


def prompt_words(tags: Mapping[str, str]) -> PromptText:
    """What a version's tags say."""
    return PromptText(
        tags.get(TEXT_TAG),
        tags.get(TYPE_TAG) == "chat",
        tags.get(RESPONSE_FORMAT_TAG),
        tags.get(MODEL_CONFIG_TAG),
    )


def user_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that are not MLflow's own. Those change when an experiment or a run merely uses the
    prompt (3.17)."""
    return {key: str(value) for key, value in tags.items() if not key.startswith(_MLFLOWS_OWN)}


def _message(message: Mapping[str, Any]) -> Iterator[str]:
    yield f"[{message.get('role')}]"
    content = message.get("content")
    yield from (content if isinstance(content, str) else json.dumps(content)).split("\n")
    yield from (
        f"{key}: {json.dumps(value)}"
        for key, value in message.items()
        if key not in ("role", "content")
    )


def _parsed(text: str | None) -> Any:
    """The value of a JSON text that others may have written; the text itself where it is none."""
    try:
        return json.loads(text) if text is not None and len(text) <= _LARGEST else text
    except (ValueError, RecursionError):
        return text
