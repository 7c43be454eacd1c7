"""Which Prometheus is asked, and with which credentials (RULES R13)."""

from __future__ import annotations

import pytest

from mlflow_gitops.edges.prometheus.access import Access, WrongAccess, read_access

NAMES = ("URL", "TOKEN", "USERNAME", "PASSWORD")


def access(*values: str) -> Access:
    names = (f"MLFLOW_GITOPS_PROMETHEUS_{name}" for name in NAMES)
    return read_access(dict(zip(names, values, strict=False)))


def test_access() -> None:
    assert access("https://p.example/prom/") == Access("https://p.example/prom")
    assert access("https://p.example", "secret").token == "secret"
    assert access("https://p.example:9090", "", "ada", "pw").password == "pw"
    for local in ("http://127.0.0.1:9090", "http://localhost:9090", "http://[::1]:9090"):
        assert access(local, "secret").address == local
    assert access("http://p.internal:9090") == Access("http://p.internal:9090")
    assert "secret" not in repr(access("https://p.example", "secret"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((), "is not set"),
        ((" ",), "is not set"),
        (("p.example:9090",), "no address"),
        (("ftp://p.example",), "no address"),
        (("file:///etc/passwd",), "no address"),
        (("https://",), "no address"),
        (("https://p.example:port",), "no address"),
        (("https://p.example?token=sesame",), "no address"),
        (("https://p.example#x",), "no address"),
        (("https://ada:sesame@p.example",), "no address"),
        (("https://p.example\\@evil.example",), "no address"),
        (("http://p.internal", "sesame"), "not encrypted"),
        (("http://127.0.0.1.evil.example", "sesame"), "not encrypted"),
        (("http://p.internal", "", "ada", "sesame"), "not encrypted"),
        (("https://p.example", "sesame", "ada", "sesame"), "both set"),
        (("https://p.example", "", "ada"), "only one"),
        (("https://p.example", "", "", "sesame"), "only one"),
    ],
)
def test_what_is_no_access(values: tuple[str, ...], words: str) -> None:
    with pytest.raises(WrongAccess) as wrong:
        access(*values)
    assert words in str(wrong.value)
    assert "sesame" not in f"{wrong.value} {wrong.value.fix}"
