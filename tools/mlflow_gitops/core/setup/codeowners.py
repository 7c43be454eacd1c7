"""CODEOWNERS: whom GitHub asks for a review when a file of the registry changes. It is made from
the `owners` in the manifests and the policy (RULES R9).

The last line that matches a path decides. So the block that is made here is at the end of the file,
and in the block the platform team's lines come last again. People's own lines, before the block,
are left unchanged.

GitHub's syntax is that of gitignore, except that `!`, `[ ]` and an escaped `#` have no meaning. A
space is escaped by a backslash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from mlflow_gitops.core.manifests.manifest import Manifest
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.setup.kept_owners import kept_lines, path_of, pattern, pattern_of
from mlflow_gitops.core.yaml.problems import Problem

MAX_BYTES = 3 * 1024 * 1024 - 1
"""Bytes of a CODEOWNERS that GitHub loads: it must be under 3 MB (docs, "CODEOWNERS file size")."""
LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""The paths at which GitHub looks for the file, in this order. It uses the first that exists."""

_BEGIN = "# BEGIN mlflow-gitops "
_END = "# END mlflow-gitops "
_EXPLANATION = (
    ": made from `owners` in the policy and the manifests; change those, then run mlflow-gitops"
    " codeowners"
)
_LAST = "# The last line that matches wins: this block stays at the end of the file."


class CodeOwners(NamedTuple):
    """A CODEOWNERS file: its path and its text, which is empty if the file does not exist yet."""

    file: str
    text: str

    def block(self, registry: RegistryFolder) -> list[str]:
        """The present lines of one registry folder's block; empty if it has none."""
        return _parts(self.text)[1].get(pattern(registry.path), [])

    def with_block(self, registry: RegistryFolder, lines: Iterable[str]) -> str:
        """The text with these lines as the block of one registry folder. The block is removed if
        there are no lines.

        Blocks come after people's own lines. The blocks of other registry folders are kept.
        """
        own_lines, blocks = _parts(self.text)
        while own_lines and not own_lines[-1].strip():
            own_lines.pop()

        name = pattern(registry.path)
        blocks.pop(name, None)
        new_lines = list(lines)
        if new_lines:
            begin = f"{_BEGIN}{name}{_EXPLANATION}"
            blocks[name] = [begin, _LAST, *new_lines, f"{_END}{name}"]

        parts = [own_lines] if own_lines else []
        parts += [blocks[block_name] for block_name in sorted(blocks)]
        ending = "\r\n" if "\r\n" in self.text else "\n"
        text = (ending * 2).join(ending.join(part) for part in parts)
        return text + ending if parts else ""


def block_lines(
    snapshot: Snapshot,
    registry: RegistryFolder,
    platform_paths: Collection[str],
    current: CodeOwners | None = None,
) -> list[str]:
    """The lines for one registry folder. `platform_paths` are the platform team's other files and
    folders; those of folders end in a slash. The lines that `current` has of invalid manifests
    stay.

    Everything without an owner of its own belongs to the platform team. That includes new
    manifests, because GitHub uses the CODEOWNERS of the branch that is merged into. Without a
    platform team, there are only the lines of the manifests.
    """
    team = _usable(snapshot.policy.owners)
    lines = [_line(f"{registry}/", team)] if team else []
    by_path: dict[str, str] = {}
    if snapshot.errors and current is not None:
        kept = kept_lines(snapshot, registry, current.block(registry))
        by_path = {path_of(path): line for path, line in kept.items()}
    for manifest in snapshot.manifests.values():
        line = manifest_line(manifest)
        if line is not None:
            by_path[manifest.file] = line
    lines += [line for _, line in sorted(by_path.items())]
    if team:
        lines += [_line(path, team) for path in (registry.policy_path, *platform_paths)]
    return lines


def manifest_line(manifest: Manifest) -> str | None:
    """The line of a manifest; None if it names no owner."""
    owners = _usable(manifest.owners)
    return _line(manifest.file, owners) if owners else None


def stale_block(current: CodeOwners, expected_text: str) -> list[Problem]:
    """One problem, at the first line that differs; none if the texts are the same."""
    lines, expected = _lines(current.text), _lines(expected_text)
    if lines == expected:
        return []

    index = _first_difference(lines, expected)
    expected_line = expected[index] if index < len(expected) else ""
    if expected_line.startswith("/") and expected_line not in lines:
        message = f"the owners in the manifests and the policy require {expected_line!r} here"
    elif index < len(lines):
        message = (
            "this line does not follow from the owners in the manifests and the policy, or the"
            " block is not at the end"
        )
    else:
        message = "the lines for the owners in the manifests and the policy are missing"
    return [_problem(current, min(index + 1, max(len(lines), 1)), message)]


def _first_difference(lines: Sequence[str], expected: Sequence[str]) -> int:
    for index, (line, expected_line) in enumerate(zip(lines, expected, strict=False)):
        if line != expected_line:
            return index
    return min(len(lines), len(expected))


def stale_manifests(
    current: CodeOwners, registry: RegistryFolder, expected: Iterable[tuple[str, str | None]]
) -> list[Problem]:
    """The problems of some manifests, for a run that reads no others. `expected` has the path of
    each and its line, None if it needs none."""
    block = list(_numbered_block(current.text, pattern(registry.path)))
    lines_by_pattern: dict[str, list[tuple[int, str]]] = {}
    for number, line in block:
        lines_by_pattern.setdefault(pattern_of(line), []).append((number, line))

    problems = []
    for path, expected_line in expected:
        lines = lines_by_pattern.get(pattern(path), [])
        if [line for _, line in lines] == ([expected_line] if expected_line else []):
            continue
        message = f"{path} was deleted, or does not name owners any more"
        if expected_line:
            message = f"the owners of {path} require {expected_line!r} here"
        nearest = lines or block
        position = nearest[0][0] if nearest else 1
        problems.append(_problem(current, position, message))
    return problems


def missing_file(policy_file: str, snapshot: Snapshot) -> list[Problem]:
    """A warning if the policy names a platform team, but the repository has no CODEOWNERS."""
    if not snapshot.policy.owners:
        return []
    message = (
        f"the policy names owners, but there is no {LOCATIONS[0]}, so GitHub requests no"
        " reviews. Run mlflow-gitops codeowners"
    )
    return [Problem(policy_file, 1, 1, "codeowners-missing", message, "warning")]


def is_too_large(current: CodeOwners) -> bool:
    """Whether GitHub does not load the file, and so requests no reviews."""
    return _size(current) > MAX_BYTES


def too_large(current: CodeOwners) -> Problem:
    """The problem of a file that GitHub does not load."""
    message = (
        f"has {_size(current):,} bytes; GitHub loads no CODEOWNERS of {MAX_BYTES:,} bytes or more"
        " and requests no reviews. Let the policy name owners in place of each manifest"
    )
    return Problem(current.file, 1, 1, "codeowners-too-large", message)


def _size(current: CodeOwners) -> int:
    return len(current.text.encode("utf-8", "surrogateescape"))


def _problem(current: CodeOwners, line: int, message: str) -> Problem:
    advice = "Run mlflow-gitops codeowners and commit the file"
    return Problem(current.file, line, 1, "codeowners-stale", f"{message}. {advice}")


def _line(path: str, owners: Iterable[str]) -> str:
    return " ".join([pattern(path), *owners])


def _usable(owners: Iterable[str]) -> list[str]:
    # An e-mail address may begin with `#`, which would turn the rest of the line into a comment.
    return [owner for owner in owners if not owner.startswith("#")]


def _parts(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """People's own lines, and the blocks by the pattern of their registry folder. A block without
    an end is only its first line."""
    own_lines: list[str] = []
    blocks: dict[str, list[str]] = {}
    lines = _lines(text)
    start = 0
    while start < len(lines):
        name = _block_name(lines[start])
        if name is None:
            own_lines.append(lines[start])
            start += 1
            continue

        end = _block_end(lines, start, name)
        blocks[name] = lines[start : end + 1]
        start = end + 1
        while start < len(lines) and not lines[start].strip():
            start += 1  # blank lines between blocks were written with them
    return own_lines, blocks


def _block_end(lines: Sequence[str], start: int, name: str) -> int:
    """The index of a block's last line."""
    for index in range(start, len(lines)):
        if lines[index].rstrip() == _END + name:
            return index
    return start


def _lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _numbered_block(text: str, name: str) -> Iterator[tuple[int, str]]:
    """The lines of one block, the first and the last included, each with its number."""
    is_inside = False
    for number, line in enumerate(_lines(text), 1):
        is_inside = is_inside or _block_name(line) == name
        if is_inside:
            yield number, line
        if line.rstrip() == _END + name:
            return


def _block_name(line: str) -> str | None:
    """The pattern of the registry folder, if a line is the first one of a block."""
    if not line.startswith(_BEGIN):
        return None
    return line.removeprefix(_BEGIN).partition(_EXPLANATION[:2])[0].rstrip()
