"""Receipts: what each reconcile did, as one JSON line in a git note on the commit it reconciled
(RULES R6).

Each holds the SHA-256 of the one before it, and the newest digest is stamped on the models it
changed, so that a deleted or edited receipt shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow_gitops.core.audit.untrusted_json import loads
from mlflow_gitops.core.history.people import Vouched
from mlflow_gitops.core.times import parse_time

NOTES_REF = "refs/notes/mlflow-gitops"
RECEIPT_TAG = "gitops.receipt"
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z\Z")
_LINE = re.compile(r'^\{"at":[^\r\n]*', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt: the commit whose note holds it, its line as written, and what the line says."""

    commit: str
    line: str
    content: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the line, in hex."""
        return hashlib.sha256(self.line.encode()).hexdigest()

    @property
    def at(self) -> str:
        return str(self.content.get("at", ""))

    @property
    def previous(self) -> str | None:
        """The digest of the receipt before it. What cannot be one is the digest of none, so that it
        shows as a gap."""
        named = self.content.get("previous")
        return named if named is None or isinstance(named, str) else "no digest"

    def models(self) -> list[Mapping[str, Any]]:
        """What it says of each model."""
        models = self.content.get("models")
        return [one for one in models if isinstance(one, dict)] if isinstance(models, list) else []

    def applied(self) -> frozenset[str]:
        """The models that this run brought to its commit."""
        return frozenset(
            str(one.get("model")) for one in self.models() if one.get("result") == "applied"
        )

    def changed(self) -> frozenset[str]:
        """The models that this run changed, all the way to its commit or not: those that it was
        stamped on."""
        told = (
            one for one in self.models() if one.get("result") == "applied" or one.get("changes")
        )
        return frozenset(str(one.get("model")) for one in told)


def write(content: Mapping[str, Any], previous: str | None) -> str:
    """One compact line, `at` first, so that lines sort by time when notes are merged."""
    ordered = {"at": content["at"], **content, "previous": previous}
    return json.dumps(ordered, ensure_ascii=True, separators=(",", ":"))


def read(notes: Mapping[str, str]) -> list[Receipt]:
    """Every receipt in the notes (commit to text), oldest first. Lines that are no receipts are
    passed over: notes are for people too. So is one that names another commit than its note's: what
    is moved there is gone from where it was."""
    found: dict[str, list[Receipt]] = {}
    for commit, text in notes.items():
        for match in _LINE.finditer(text):
            try:
                content = loads(match.group())
            except ValueError:
                continue
            if _is_time(content["at"]) and content.get("commit", commit) == commit:
                receipt = Receipt(commit, match.group(), content)
                found.setdefault(receipt.digest, []).append(receipt)
    ages = _ages({digest: same[0] for digest, same in found.items()})
    return [
        receipt
        for digest in sorted(found, key=lambda digest: ages[digest])
        for receipt in found[digest]
    ]


def _ages(known: Mapping[str, Receipt]) -> dict[str, tuple[str, int, str]]:
    """What orders receipts, by their digests: the latest time of a receipt and all before it in its
    chain, as on the main line, then its place in the chain. So a clock that was put back does not
    make a run the earlier one."""
    ages: dict[str, tuple[str, int, str]] = {}
    for digest in known:
        chain: list[str] = []
        link: str | None = digest
        while link is not None and link in known and link not in ages:
            chain.append(link)
            link = known[link].previous
        latest, place, _ = ages.get(link or "", ("", 0, ""))
        for one in reversed(chain):
            latest, place = max(latest, known[one].at), place + 1
            ages[one] = latest, place, one
    return ages


def _is_time(at: object) -> bool:
    """Whether it is RFC 3339 in UTC, as every receipt's own is; anything else may hold what no
    terminal should see."""
    try:
        return isinstance(at, str) and _TIME.match(at) is not None and parse_time(at) is not None
    except ValueError:
        return False


def newest(receipts: Sequence[Receipt]) -> str | None:
    """The digest that the next receipt names as the one before it: the latest, of those in their
    order, that none names yet."""
    named = {receipt.previous for receipt in receipts}
    return next((digest for one in reversed(receipts) if (digest := one.digest) not in named), None)


def last_commit(receipts: Iterable[Receipt], model: str) -> str | None:
    """The commit that a model was last brought to, by the receipts, oldest first; None where none
    tells of it."""
    return next((one.commit for one in reversed([*receipts]) if model in one.applied()), None)


def broken_links(receipts: Iterable[Receipt]) -> list[Receipt]:
    """Receipts that name one before them which is not there: it was deleted or edited.

    Runs side by side may name the same one, and are both right; only a missing one is a gap.
    """
    known = list(receipts)
    digests = {receipt.digest for receipt in known}
    return [one for one in known if one.previous and one.previous not in digests]


def unstamped(
    named: Mapping[str, str | None], receipts: Sequence[Receipt], owner: str | None
) -> dict[str, list[str]]:
    """Models whose stamp is behind their newest receipt: that receipt's digest to models. `named`
    is model to the digest that its stamp names; one that is not among `receipts` (oldest first) may
    be newer than all that are known here."""
    age = {receipt.digest: i for i, receipt in enumerate(receipts)}
    newest_of: dict[str, Receipt] = {}
    for receipt in receipts:
        if receipt.content.get("owner") == owner:
            newest_of.update((model, receipt) for model in receipt.changed())
    behind: dict[str, list[str]] = {}
    for model, stamp in sorted(named.items()):
        wanted = newest_of.get(model)
        if wanted is not None and (stamp is None or age.get(stamp, len(age)) < age[wanted.digest]):
            behind.setdefault(wanted.digest, []).append(model)
    return behind


def unrecorded(
    stamped: Mapping[str, str],
    receipts: Iterable[Receipt],
    owner: str | None,
    line: Mapping[str, int],
) -> dict[str, list[str]]:
    """Models whose stamp no receipt explains: commit to models. `stamped` is model to the commit of
    its stamp; `line` maps the commits of the main line to their places.

    A run that died between its last stamp and its receipt leaves these. A stamp is the last commit
    that concerned its model, and a receipt lies on the commit that was reconciled: that one or,
    where several merges were reconciled at once, a later. What names no commit of the main line was
    stamped by no run: nothing else is ever applied (RULES R1).
    """
    recorded: dict[str, set[str]] = {}
    for receipt in receipts:
        if receipt.content.get("owner") == owner:
            for model in receipt.applied():
                recorded.setdefault(model, set()).add(receipt.commit)
    missing: dict[str, list[str]] = {}
    for model, commit in sorted(stamped.items()):
        told = recorded.get(model, set())
        place = line.get(commit)
        if (
            place is not None
            and commit not in told
            and all(line.get(one, -1) < place for one in told)
        ):
            missing.setdefault(commit, []).append(model)
    return missing


@dataclass(frozen=True, slots=True)
class Run:
    """One receipt's place: the index of its commit on the main line, and when it was written."""

    index: int
    at: str


class Ledger:
    """The receipts, oldest first, of one environment as the audit reads them. `owner` is the
    environment's; None, as in a shallow clone that does not know its root, takes every receipt.
    Receipts on commits that are not on the line prove nothing about it."""

    def __init__(
        self, receipts: Iterable[Receipt], index: Mapping[str, int], owner: str | None
    ) -> None:
        self.receipts = [
            one
            for one in receipts
            if one.commit in index and (owner is None or one.content.get("owner") == owner)
        ]
        self._applied: dict[str, list[Run]] = {}
        self._vouched: dict[tuple[str, str], tuple[bool, Vouched]] = {}
        for receipt in self.receipts:
            for entry in receipt.models():
                self._read(entry, Run(index[receipt.commit], receipt.at))
        for runs in self._applied.values():
            runs.sort(key=lambda run: run.index)

    def applied(self, model: str) -> Sequence[Run]:
        """The runs in which a model was applied, in the order of the main line."""
        return self._applied.get(model, ())

    def vouched(self, model: str, commit: str) -> Vouched | None:
        """What the first run that applied a making commit found out about it, or else the last that
        looked."""
        found = self._vouched.get((model, commit))
        return found[1] if found else None

    def _read(self, entry: Mapping[str, Any], run: Run) -> None:
        model, applied = str(entry.get("model")), entry.get("result") == "applied"
        if applied:
            self._applied.setdefault(model, []).append(run)
        listed = entry.get("people")
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and isinstance(one.get("commit"), str):
                key = model, one["commit"]
                if key not in self._vouched or not self._vouched[key][0]:
                    self._vouched[key] = applied, _vouched(one)


def _vouched(said: Mapping[str, Any]) -> Vouched:
    """What a receipt says of one making commit. Whoever can push notes can write anything into
    them."""
    number, source, merged_by, approved = (
        said.get(key) for key in ("pr", "pr_source", "merged_by", "approved_by")
    )
    return Vouched(
        pull_request=number if type(number) is int else None,
        source=source if source in ("api", "message") else None,
        merged_by=merged_by if isinstance(merged_by, str) else None,
        approved_by=tuple(one for one in approved if isinstance(one, str))
        if isinstance(approved, list)
        else (),
    )
