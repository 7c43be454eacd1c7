"""Runs the story's commands for real, says what they print, and keeps it for the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from difflib import unified_diff
from pathlib import Path

MARK = "<!-- From here on, `make capstone ARGS=--write` writes this page. -->"


class Unexpected(Exception):
    """A step came out otherwise than the story says."""


class Teller:
    """One telling. Commands run in `folder` under bash, with `environment`; `hidden` maps what
    differs from machine to machine (folders, ports) to what the page shows instead."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], hidden: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self._hidden = dict(hidden)
        self._page: list[str] = []
        self._begun = time.monotonic()

    def scene(self, title: str) -> None:
        self._write(f"## {title}")
        print(f"\n── {title} ({time.monotonic() - self._begun:.0f} s)", flush=True)

    def say(self, text: str) -> None:
        """A paragraph."""
        said = " ".join(text.split())
        self._write(said)
        print(f"\n{said}", flush=True)

    def run(self, *commands: str, expect: int = 0, says: Iterable[str] = ()) -> str:
        """Run commands, the last of which must end with the code `expect`, the others with 0.
        `says` are patterns that what they print must match. Returns what they printed. Raises
        Unexpected."""
        lines, printed = [], ""
        for place, command in enumerate(commands):
            print(f"$ {command}", flush=True)
            lines.append(f"$ {command}")
            wanted = expect if place == len(commands) - 1 else 0
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", command],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
                errors="replace",
            )  # fmt: skip
            sys.stdout.write(done.stdout)
            sys.stdout.flush()
            lines += done.stdout.rstrip("\n").splitlines()
            printed += done.stdout
            if done.returncode != wanted:
                raise Unexpected(
                    f"{command} ended with {done.returncode}, not {wanted}.\n{done.stdout[-3000:]}"
                )
        if expect:
            lines.append(f"(exit code {expect})")
        self.expect(printed, says)
        self._console(lines)
        return printed

    @staticmethod
    def expect(text: str, says: Iterable[str]) -> None:
        """Raises Unexpected where a pattern is not found in a text."""
        for pattern in says:
            if not re.search(pattern, text):
                raise Unexpected(f"Nothing here matches {pattern!r}:\n{text[-3000:]}")

    def show(self, *lines: str) -> None:
        """Lines of a console that was not waited for."""
        print("\n".join(lines), flush=True)
        self._console(lines)

    def page(self) -> str:
        """The story as Markdown."""
        text = "\n\n".join(self._page) + "\n"
        for real, shown in self._hidden.items():
            text = text.replace(real, shown)
        return text

    def _console(self, lines: Iterable[str]) -> None:
        self._write("\n".join(["```console", *lines, "```"]))

    def _write(self, text: str) -> None:
        self._page.append(text)


def shape(text: str) -> list[str]:
    """A page without what differs from run to run: ids, numbers, times, and the spaces that line
    columns up."""
    text = re.sub(r"\d+\.\d+|\d+(,\d{3})+", "0", text)
    text = re.sub(r"\b[0-9a-f]{7,64}\b", "#", text)
    text = re.sub(r"[+-]?\d[\d.:TZ-]*", "0", text)
    text = re.sub(r" size 0 \w+ → 0 \w+;", "", text)  # told where two versions differ by some bytes
    text = re.sub(r"\ba moment\b|\b0 (s|min|h|(minute|hour|day)s?)\b", "TIME", text)
    return [line for line in (" ".join(line.split()) for line in text.splitlines()) if line]


def differences(before: str, now: str) -> list[str]:
    """How the shape of a page differs from that of another."""
    return list(unified_diff(shape(before), shape(now), "the page", "this run", lineterm="", n=1))


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of MLflow, git and the commands."""
    return {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("MLFLOW_", "GIT_", "MLFLOW_GITOPS_", "DVC_"))
    }
