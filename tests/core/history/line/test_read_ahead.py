"""The more models needed their whole histories, the more are read together."""

from __future__ import annotations

from mlflow_gitops.core.history.line.read_ahead import ReadAhead

STEMS = [f"model-{number:03}" for number in range(100)]


def test_more_are_read_each_time() -> None:
    read_ahead = ReadAhead(STEMS)
    counts = [len(read_ahead.due(stem)) for stem in STEMS]
    assert [count for count in counts if count] == [1, 2, 4, 8, 16, 32, 32, 5]
    assert all(not read_ahead.due(stem) for stem in STEMS), "each is read once"


def test_what_nobody_needs_before_the_first_is_not_read() -> None:
    read_ahead = ReadAhead(STEMS)
    assert read_ahead.due("model-040") == ["model-040"]
    assert read_ahead.due("model-070") == ["model-070", "model-071"]
    assert read_ahead.due("another") == ()
