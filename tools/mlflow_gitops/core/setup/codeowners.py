"""CODEOWNERS: whom GitHub asks when a file of the registry changes, made from the `owners` that the
files name (RULES R9).

The last line that matches a path wins. So the block that is made here stands at the end of the
file, and in it the platform's lines at the end again. People's own lines, before the block, are
left as they are.

GitHub's syntax is gitignore's, except that `!`, `[ ]` and an escaped `#` mean nothing there; a
space is escaped by a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.yaml.problems import Problem

LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks, in this order; it takes the first that is there."""

_BEGIN = "# BEGIN mlflow-gitops "
_END = "# END mlflow-gitops "
_SAYS = (
    ": made from `owners` in the policy and the manifests; change those, then run mlflow-gitops"
    " codeowners"
)
_LAST = "# The last line that matches wins: this block stays at the end of the file."

_UNESCAPED_SPACE = re.compile(r"(?<!\\) ")
_WILD = re.compile(r"[*?\[\]\\#\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class CodeOwners:
    """A CODEOWNERS file as it stands: where, and its text, empty where there is none yet."""

    file: str
    text: str

    def with_block(self, registry: RegistryFolder, lines: Iterable[str]) -> str:
        """The text with these lines as the block of one registry folder, at the end, and everything
        else as it was.

        Without any line the block goes. Blocks of other registry folders stay, each after people's
        own lines.
        """
        own, blocks = _parts(self.text)
        name = pattern(registry.path)
        blocks.pop(name, None)
        if wanted := list(lines):
            blocks[name] = [f"{_BEGIN}{name}{_SAYS}", _LAST, *wanted, f"{_END}{name}"]
        while own and not own[-1].strip():
            own.pop()
        parts = [own] if own else []
        parts += [blocks[each] for each in sorted(blocks)]
        ending = "\r\n" if "\r\n" in self.text else "\n"
        return (ending * 2).join(ending.join(part) for part in parts) + (ending if parts else "")


def pattern(path: str) -> str:
    """The pattern that matches a path from the repository's top; a folder's ends in a slash.

    Characters that mean something in a pattern become `?`, which GitHub reads as any one character:
    a manifest's own name has none of them (`names.file_stem`), and no two manifests share it, so
    such a pattern still matches one manifest alone.
    """
    return "/" + _WILD.sub("?", path).replace(" ", "\\ ")


def block_lines(snapshot: Snapshot, registry: RegistryFolder, places: Collection[str]) -> list[str]:
    """The lines for one registry folder. `places` are the platform's other files and folders, a
    folder's with a slash.

    Whatever has no owner of its own is the platform team's, a manifest that is still to come too:
    GitHub asks by the file of the branch that is merged into. Without a platform team there are the
    manifests' lines alone.
    """
    team = _readable(snapshot.policy.owners)
    lines = [_line(f"{registry}/", team)] if team else []
    manifests = sorted(snapshot.manifests.values(), key=lambda manifest: manifest.file)
    lines += [line for manifest in manifests if (line := manifest_line(manifest))]
    if team:
        lines += [_line(place, team) for place in (registry.policy_path, *places)]
    return lines


def manifest_line(manifest: Manifest) -> str | None:
    """A manifest's line; None if it names no owner."""
    owners = _readable(manifest.owners)
    return _line(manifest.file, owners) if owners else None


def stale_block(found: CodeOwners, wanted: str) -> list[Problem]:
    """One problem at the first line that is not as it should be; none if the texts agree."""
    here, there = _lines(found.text), _lines(wanted)
    if here == there:
        return []
    first = next(
        (i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b),
        min(len(here), len(there)),
    )
    wanted_line = there[first] if first < len(there) else ""
    if wanted_line.startswith("/") and wanted_line not in here:
        said = f"the owners in the manifests and the policy want {wanted_line!r} here"
    elif first < len(here):
        said = (
            "this line is not in the block by the owners there are, or the block does not stand at"
            " the end"
        )
    else:
        said = "the lines for the owners in the manifests and the policy are missing"
    return [_problem(found, min(first + 1, max(len(here), 1)), said)]


def stale_manifests(
    found: CodeOwners, registry: RegistryFolder, now: Iterable[tuple[str, str | None]]
) -> list[Problem]:
    """What is stale for some manifests alone: (path, its line or None) as they are now. For a run
    that reads no others."""
    numbered = list(_numbered(found.text, pattern(registry.path)))
    known: dict[str, list[tuple[int, str]]] = {}
    for number, line in numbered:
        known.setdefault(_UNESCAPED_SPACE.split(line, maxsplit=1)[0], []).append((number, line))
    problems = []
    for path, wanted in now:
        lines = known.get(pattern(path), [])
        if [line for _, line in lines] == ([wanted] if wanted else []):
            continue
        said = (
            f"the owners of {path} want {wanted!r} here"
            if wanted
            else f"{path} is gone, or names no owner any more"
        )
        problems.append(
            _problem(found, lines[0][0] if lines else numbered[0][0] if numbered else 1, said)
        )
    return problems


def missing_file(policy_file: str, snapshot: Snapshot) -> list[Problem]:
    """A warning where the policy names a platform team and there is no CODEOWNERS that GitHub could
    ask it by."""
    if not snapshot.policy.owners:
        return []
    said = (
        f"the policy names owners and there is no {LOCATIONS[0]}: GitHub asks nobody. Run"
        " mlflow-gitops codeowners"
    )
    return [Problem(policy_file, 1, 1, "codeowners-missing", said, "warning")]


def _problem(found: CodeOwners, line: int, said: str) -> Problem:
    return Problem(
        found.file,
        line,
        1,
        "codeowners-stale",
        f"{said}. Run mlflow-gitops codeowners and commit what it writes",
    )


def _line(path: str, owners: Iterable[str]) -> str:
    return " ".join([pattern(path), *owners])


def _readable(owners: Iterable[str]) -> list[str]:
    # An address may begin with `#`, and would then hide itself and all that follows.
    return [owner for owner in owners if not owner.startswith("#")]


def _parts(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """People's own lines, and the blocks by the registry folder's pattern. A block without its end
    is only its first line."""
    own: list[str] = []
    blocks: dict[str, list[str]] = {}
    lines = _lines(text)
    at = 0
    while at < len(lines):
        name = _name(lines[at])
        if name is None:
            own.append(lines[at])
            at += 1
            continue
        end = next((i for i in range(at, len(lines)) if lines[i].rstrip() == _END + name), at)
        blocks[name] = lines[at : end + 1]
        at = end + 1
        # The blank line between two blocks is the composer's.
        while at < len(lines) and not lines[at].strip():
            at += 1
    return own, blocks


def _lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _numbered(text: str, name: str) -> Iterator[tuple[int, str]]:
    """The lines of one block with their numbers, its first one included."""
    inside = False
    for number, line in enumerate(_lines(text), 1):
        inside = inside or _name(line) == name
        if inside:
            yield number, line
        if line.rstrip() == _END + name:
            return


def _name(line: str) -> str | None:
    """The registry folder's pattern that a block's first line names."""
    if not line.startswith(_BEGIN):
        return None
    return line.removeprefix(_BEGIN).partition(_SAYS[:2])[0].rstrip()
