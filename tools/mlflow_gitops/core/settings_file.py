"""`.mlflow-gitops.toml` at the top of a repository, or the table `[tool.mlflow-gitops]` of its
`pyproject.toml`: where the registry folder is, and other global options."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from typing import Any

from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.errors import InvalidFiles
from mlflow_gitops.settings import PYPROJECT, SETTINGS_FILE

_TABLE = "mlflow-gitops"
_MAX_BYTES = 1 << 20
_ADDRESSES = ("tracking_uri", "registry_uri")
_OTHER_NAMES = {
    "registry": "registry_dir",
    "registry_folder": "registry_dir",
    "main_branch": "main",
}


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What the file sets; "" for what it does not. The names are those of the command line's global
    options."""

    registry_dir: str = ""
    main: str = ""
    receipts_branch: str = ""
    env: str = ""
    github: bool = True
    """Whether the repository is on GitHub, or will be: `doctor` then checks what belongs there."""


KEYS = tuple(field.name for field in fields(FileSettings))


def read_file_settings(toml_file: bytes | None, pyproject: bytes | None) -> FileSettings | None:
    """Read both files; None for one that does not exist. None if neither has settings. Raises
    InvalidFiles."""
    tables = []
    if toml_file is not None:
        tables.append((SETTINGS_FILE, _parsed(SETTINGS_FILE, toml_file)))
    if pyproject is not None and _TABLE.encode() in pyproject:
        table = _table(_parsed(PYPROJECT, pyproject))
        if table is not None:
            tables.append((f"[tool.{_TABLE}] of {PYPROJECT}", table))
    if not tables:
        return None
    if len(tables) > 1:
        raise InvalidFiles(
            f"{SETTINGS_FILE} and {PYPROJECT} both have settings of mlflow-gitops.",
            fix=f"Keep them in {SETTINGS_FILE} alone.",
        )
    return _checked(*tables[0])


def _parsed(file: str, data: bytes) -> dict[str, Any]:
    if len(data) > _MAX_BYTES:
        raise InvalidFiles(f"{file} is larger than {_MAX_BYTES >> 20} MiB.")
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        parsed: dict[str, Any] = toml.loads(data.decode("utf-8-sig"))
    except (toml.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFiles(f"{file} is not valid TOML: {error}.") from None
    return parsed


def _table(pyproject: dict[str, Any]) -> dict[str, Any] | None:
    tool = pyproject.get("tool")
    table = tool.get(_TABLE) if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _checked(file: str, table: dict[str, Any]) -> FileSettings:
    for key, value in table.items():
        if key in _ADDRESSES:
            raise InvalidFiles(
                f"{file} cannot set {key}: a file in git must not decide which server gets this"
                " machine's credentials.",
                fix="Set MLFLOW_TRACKING_URI, or list the servers in environments.yaml.",
            )
        if key not in KEYS:
            similar_key = _OTHER_NAMES.get(key)
            hint = f"did you mean {similar_key!r}?" if similar_key else did_you_mean(key, KEYS)
            raise InvalidFiles(
                f"{file} has no setting {key!r}; {hint or 'known: ' + ', '.join(KEYS)}"
            )
        if key == "github":
            if not isinstance(value, bool):
                raise InvalidFiles(f"github in {file} must be true or false, not {value!r:.60}.")
        elif not isinstance(value, str) or not value.strip():
            raise InvalidFiles(
                f"{key} in {file} must be text that is not empty, not {value!r:.60}."
            )
    return FileSettings(**table)


def settings_text(registry_dir: str | None, *, on_github: bool = True) -> str:
    """The file that names a registry folder (None: the usual one)."""
    import json

    lines = [
        "# Global options of mlflow-gitops in this repository; the file on the main branch counts."
    ]
    if registry_dir is not None:
        lines.append(f"registry_dir = {json.dumps(registry_dir, ensure_ascii=False)}")
    if not on_github:
        lines.append("github = false   # doctor does not ask for workflows and CODEOWNERS")
    return "\n".join([*lines, ""])


def differences(branch: FileSettings, main: FileSettings) -> list[str]:
    """What a branch's file sets otherwise than the main branch's: `registry_dir = "evil"`."""
    main_values = asdict(main)
    return [
        _shown(key, value) for key, value in asdict(branch).items() if value != main_values[key]
    ]


def _shown(key: str, value: str | bool) -> str:
    if isinstance(value, bool):
        return f"{key} = {str(value).lower()}"
    return f'{key} = "{value}"' if value else f"no {key}"
