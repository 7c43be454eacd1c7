"""Gates that other packages add, through the entry point group `mlflow_gitops.gates`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mlflow_gitops.core.gates import Gate
from mlflow_gitops.core.gates.gate import Finding, failed
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.edges.system.redaction import redact
from mlflow_gitops.edges.system.unexpected import describe

GROUP = "mlflow_gitops.gates"


@cache
def plugin_gate(name: str) -> Gate[Any] | None:
    """An installed gate by the name of its entry point; None if there is none.

    The entry point is a function of a subject and its settings, or a `Gate`. Raises whatever the
    import of the other package raises.
    """
    point = _entry_points().get(name)
    if point is None:
        return None
    loaded = point.load()
    return loaded if isinstance(loaded, Gate) else Gate(name, loaded)


def guarded_gate(name: str) -> Gate[Any] | None:
    """An installed gate whose findings and exceptions are shown without the secrets of this
    process; None if there is none. One that cannot be imported, or raises, has failed."""
    try:
        gate = plugin_gate(name)
    except (Exception, SystemExit) as error:  # another package's code may raise anything
        broken = _broken(name, error)
        return Gate(name, lambda subject, settings: broken)
    if gate is None:
        return None
    ask = gate.ask

    def guarded(subject: Any, settings: Any) -> list[Any]:
        try:
            answer = ask(subject, settings)
            findings = [answer] if isinstance(answer, Finding) else list(answer)
        except Unreadable as reason:
            raise Unreadable(redact(str(reason))) from None
        except (Exception, SystemExit) as error:
            return [_broken(name, error)]
        return [_redacted(finding) for finding in findings]

    return replace(gate, ask=guarded)


def _broken(name: str, error: BaseException) -> Finding:
    return failed(f"the gate {name} broke: {describe(error)}")


def _redacted(finding: Any) -> Any:
    if not isinstance(finding, Finding) or not isinstance(finding.detail, str):
        return finding  # the caller refuses what is no finding
    return replace(finding, detail=redact(finding.detail))


@cache
def _entry_points() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def forget_plugins() -> None:
    """Look for installed gates again, for tests that install one."""
    plugin_gate.cache_clear()
    _entry_points.cache_clear()
