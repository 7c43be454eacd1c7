"""Reads `notify.yaml`: the channels by which people are notified, and the rules that say who gets
what."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.manifests.policy import matches
from mlflow_gitops.core.notifying.addresses import secret_in_address
from mlflow_gitops.core.notifying.events import KINDS, EventKind, NotifyEvent
from mlflow_gitops.core.wording import did_you_mean
from mlflow_gitops.core.yaml import schema_check
from mlflow_gitops.core.yaml.document import Document, parse
from mlflow_gitops.core.yaml.problems import Problem

VARIABLES = "MLFLOW_GITOPS_NOTIFY"
"""The variable that may hold the addresses of all channels, a line `VARIABLE=address` each. The
names of the channels' own variables begin with it."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One place to which messages go. Its address is in the environment variable `variable`, or, if
    it holds no secret, in the file."""

    name: str
    variable: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class NotifyRule:
    """Which events go to which channels. An empty `models`, `owners` or `environments` excludes
    nothing."""

    to: tuple[str, ...]
    events: tuple[EventKind, ...] = KINDS
    models: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    def fits(self, event: NotifyEvent, environment: str | None) -> bool:
        """Whether the rule is about an event in an environment, None for the only one. An event
        without a model fits only a rule that names neither models nor owners."""
        if event.kind not in self.events:
            return False
        if self.environments and environment not in self.environments:
            return False
        if self.models and not any(matches(event.model or "", glob) for glob in self.models):
            return False
        rule_owners = {owner.lower() for owner in self.owners}
        return not rule_owners or not rule_owners.isdisjoint(
            owner.lower() for owner in event.owners
        )


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """The content of `notify.yaml`."""

    channels: Mapping[str, Channel]
    rules: tuple[NotifyRule, ...]


def read_notify(
    data: bytes, file: str, environments: Collection[str] | None = None
) -> tuple[NotifySettings | None, list[Problem]]:
    """Parse and check the file. `environments` are the names that rules may use; None if they are
    not known. Returns the settings, None if there are errors, and the problems."""
    document = parse(data, file)
    if document.root is not None or not document.problems:
        schema_check.check(document, "notify")
    if isinstance(document.root, dict):
        _check_channels(document)
        _check_rules(document, environments)
    if document.problems:
        return None, document.problems
    channels = {
        name: Channel(name, entry.get("env"), entry.get("address"))
        for name, entry in document.root["channels"].items()
    }
    return NotifySettings(channels, tuple(map(_rule, document.root["rules"]))), []


def _rule(entry: Mapping[str, Any]) -> NotifyRule:
    return NotifyRule(
        to=tuple(entry["to"]),
        events=tuple(entry.get("events") or KINDS),
        models=tuple(entry.get("models") or ()),
        owners=tuple(entry.get("owners") or ()),
        environments=tuple(entry.get("environments") or ()),
    )


def _check_channels(document: Document) -> None:
    """Each channel has one address, and none that is in the file holds a secret."""
    channels = document.root.get("channels")
    for name, entry in channels.items() if isinstance(channels, dict) else ():
        if not isinstance(entry, dict):
            continue
        if ("env" in entry) == ("address" in entry):
            message = (
                f"channels.{name} takes either env, the variable that holds the address, or"
                " address, if there is no secret in it"
            )
            document.add_problem_at("channel-address", message, ("channels", name))
        address = entry.get("address")
        fault = secret_in_address(address) if isinstance(address, str) else None
        if fault is not None:
            message = (
                f"channels.{name}.address {fault}, which git would keep for ever. Put it into an"
                f" environment variable and name that: env: {VARIABLES}_…"
            )
            document.add_problem_at("credentials", message, ("channels", name, "address"))


def _check_rules(document: Document, environments: Collection[str] | None) -> None:
    """The rules name channels and environments that exist."""
    channels = document.root.get("channels")
    rules = document.root.get("rules")
    channel_names = list(channels) if isinstance(channels, dict) else []
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(rule, dict):
            continue
        for path, message in _unknown_names(rule, ("rules", index, "to"), channel_names):
            document.add_problem_at("channel-unknown", message, path)
        for path, message in _unknown_names(rule, ("rules", index, "environments"), environments):
            document.add_problem_at("environment-unknown", message, path)


def _unknown_names(
    rule: Mapping[str, Any], path: tuple[str | int, ...], existing: Collection[str] | None
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The names of a rule's field that do not exist: the place of each, and the message. If the
    existing ones are not known, there are none."""
    names = rule.get(str(path[-1]))
    noun = "channel" if path[-1] == "to" else "environment"
    for index, name in enumerate(names if isinstance(names, list) else ()):
        if existing is not None and isinstance(name, str) and name not in existing:
            hint = did_you_mean(name, existing) or f"known: {', '.join(sorted(existing)) or 'none'}"
            yield (*path, index), f"there is no {noun} {name!r:.60}; {hint}"
