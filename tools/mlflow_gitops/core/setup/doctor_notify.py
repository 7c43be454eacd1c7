"""`doctor`'s checks of notifications: the file, the extra, and the addresses of channels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from mlflow_gitops.core.notifying.settings import VARIABLES, NotifySettings
from mlflow_gitops.core.setup.doctor import Area, CheckResult, run_checks
from mlflow_gitops.core.wording import and_list, counted

NOTIFY = Area("notify")


@dataclass(frozen=True, slots=True)
class NotifyFacts:
    """`notify.yaml` in the working tree: its settings, or what is wrong with it. `missing_extra`
    says how to install Apprise, None if it is there. `unset` are the variables of channels that
    this process does not have. `passes_addresses` says whether a workflow passes the variable that
    may hold all of them."""

    settings: NotifySettings | None
    fault: str = ""
    missing_extra: str | None = None
    unset: Collection[str] = ()
    passes_addresses: bool = False


def check_notify(facts: NotifyFacts) -> Iterator[CheckResult]:
    """Run all checks of notifications."""
    return run_checks(CHECKS, facts)


def _file(facts: NotifyFacts) -> Iterator[CheckResult]:
    if facts.settings is None:
        yield NOTIFY.missing("file", facts.fault, "mlflow-gitops validate shows all problems.")
        return
    channels, rules = len(facts.settings.channels), len(facts.settings.rules)
    yield NOTIFY.ok("file", f"{counted(channels, 'channel')}, {counted(rules, 'rule')}")


def _extra(facts: NotifyFacts) -> Iterator[CheckResult]:
    if facts.missing_extra is None:
        yield NOTIFY.ok("extra", "Apprise is installed")
    elif facts.passes_addresses:
        detail = "Apprise is not installed here; the workflows install it"
        yield NOTIFY.unknown(
            "extra", detail, f"For `notify --test` from here: {facts.missing_extra}"
        )
    else:
        yield NOTIFY.missing("extra", "Apprise is not installed", facts.missing_extra)


def _addresses(facts: NotifyFacts) -> Iterator[CheckResult]:
    if facts.settings is None:
        return
    if not facts.unset:
        yield NOTIFY.ok("addresses", "each channel has one")
        return
    names = and_list(sorted(facts.unset))
    if facts.passes_addresses:
        detail = f"not set here: {names}; the workflows take them from the secret {VARIABLES}"
        fix = (
            f"See that the secret {VARIABLES} has a line for each, in mlflow-read and mlflow-write."
        )
        yield NOTIFY.unknown("addresses", detail, fix)
    else:
        fix = f"Set them where reconcile runs, or {VARIABLES} with a line NAME=address for each."
        yield NOTIFY.missing("addresses", f"not set: {names}", fix)


CHECKS: tuple[Callable[[NotifyFacts], Iterator[CheckResult]], ...] = (_file, _extra, _addresses)
"""All checks, in the order in which their results are printed."""
