"""What `make capstone` does where Prometheus is not installed. The story itself is left out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.capstone import __main__ as capstone
from tests.capstone import field
from tests.capstone.field import Field
from tests.capstone.teller import Teller, Unexpected

ROLLED_BACK = "sentiment-bert: rolled back\nProduction 3 → 2"
USERS = ["applied: Production — → 2", "applied: Production 2 → 3", "rolled back: 3 → 2"]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders in which the story was started. Prometheus is missing, and this is no CI."""
    folders: list[Path] = []

    def tell(folder: Path) -> str:
        folders.append(folder)
        return "Another story."

    monkeypatch.setattr(capstone, "PROMETHEUS", None)
    monkeypatch.setattr(field, "PROMETHEUS", None)
    monkeypatch.setattr(capstone, "tell", tell)
    monkeypatch.delenv("CI", raising=False)
    return folders


def run(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr("sys.argv", ["capstone", *args])
    return capstone.main()


@pytest.mark.parametrize(("ci", "args"), [("true", []), (None, ["--write"])])
def test_what_needs_prometheus_fails_at_once_in_a_sentence(
    started: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ci: str | None,
    args: list[str],
) -> None:
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    assert run(monkeypatch, str(tmp_path / "capstone"), *args) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: Prometheus is not installed (on Debian: apt install prometheus)")
    assert started == []


def test_elsewhere_the_story_goes_on_without_it(
    started: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, str(tmp_path / "capstone")) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Prometheus is not installed") and "is not compared" in first
    assert started == [tmp_path / "capstone"]


@pytest.mark.parametrize(
    ("team", "is_right"), [([ROLLED_BACK], True), (["unhealthy"], False), ([], False)]
)
def test_the_team_hears_of_the_way_back_alone(
    started: list[Path], tmp_path: Path, team: list[str], is_right: bool
) -> None:
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry/notify.yaml").touch()
    service = Field.__new__(Field)
    service.teller = Teller(tmp_path, {"PATH": "/usr/bin:/bin"}, {})
    letters = {"/language": team, "/users": USERS}
    service.mailbox = SimpleNamespace(letters=letters.__getitem__)  # type: ignore[assignment]
    if is_right:
        service.told_once()
    else:
        with pytest.raises(Unexpected):
            service.told_once()
