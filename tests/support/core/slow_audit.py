"""The audit trail the slow way: every commit of the main line read whole, each compared with the
one before it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from tests.support.git_histories import REGISTRY, Repo

Stages = dict[str, list[int]]
POLICY = f"{REGISTRY}/policy.yaml"


@dataclass
class Whole:
    """What stood after one commit: each model's stages and aliases, by the last state that could be
    read."""

    sha: str
    stages: dict[str, Stages]
    faulty: set[str] = field(default_factory=set)


def whole(repo: Repo, shas: list[str]) -> list[Whole]:
    """Every commit's models."""
    policy, last, found = Policy(), {}, []
    for sha in shas:
        files = repo.files(sha)
        if POLICY not in files:
            policy = Policy()
        elif (text := files[POLICY]) is not None:
            policy = read_policy(text, POLICY)[0] or policy
        homes: dict[str, list[str]] = defaultdict(list)
        for path in files:
            if path.startswith(f"{REGISTRY}/models/") and path.endswith(".yaml"):
                homes[PurePosixPath(path).stem].append(path)
        now: dict[str, Stages] = {}
        faulty: set[str] = set()
        for model, paths in homes.items():
            is_alone = len(paths) == 1 and not any(_is_twin(other, model) for other in homes)
            stages = _read(files[paths[0]], paths[0], policy) if is_alone else None
            if stages is None:
                faulty.add(model)
                if model in last:
                    now[model] = last[model]
            else:
                now[model] = stages
        found.append(Whole(sha, now, faulty))
        last = now
    return found


def _read(data: bytes | None, path: str, policy: Policy) -> Stages | None:
    if data is None:
        return None
    manifest, document = read_manifest(data, path)
    if manifest is None:
        return None
    check_policy(document, policy.for_model(manifest.name))
    if document.problems:
        return None
    versions_by_stage = {stage: list(versions) for stage, versions in manifest.stages.items()}
    return versions_by_stage | {
        f"@{alias}": [version] for alias, version in manifest.aliases.items()
    }


def times(repo: Repo, shas: list[str], now: int) -> list[int]:
    """Each commit's time on the line of these commits."""
    dates = [int(repo.git("show", "-s", "--format=%ct", sha)) for sha in shas]
    return slow_times(dates, now, [])


def slow_times(dates: list[int], now: int, limits: list[tuple[int, int]]) -> list[int]:
    """RULES R1 on the times of a line, commit by commit. A limit is a commit's index and when a
    reconcile had it."""
    usable = []
    for index, seconds in limits:
        agreeing = [date for date in dates[: index + 1] if date <= now]
        later = [date for date in agreeing if date > seconds]
        if 2 * len(later) <= len(agreeing):
            usable.append((index, seconds))
    bounds = [
        min([now, *(seconds for index, seconds in usable if index >= position)])
        for position in range(len(dates))
    ]
    is_right = [date <= bound for date, bound in zip(dates, bounds, strict=True)]

    def largest_until(position: int) -> int:
        return max((dates[i] for i in range(position + 1) if is_right[i]), default=0)

    corrected = []
    for position, date in enumerate(dates):
        if not is_right[position]:
            date = bounds[position]
            for later_position in range(position + 1, len(dates)):
                if is_right[later_position]:
                    date = min(date, largest_until(later_position))
        corrected.append(date)
    return [max(corrected[: position + 1]) for position in range(len(dates))]


def events(repo: Repo, shas: list[str]) -> list[dict[str, Any]]:
    """Every event: type, commit, model, stage, from and to, author and the others."""
    found: list[dict[str, Any]] = []
    before = Whole("", {})
    for parent, now in zip((None, *shas), whole(repo, shas), strict=False):
        changed = changed_files(repo, parent, now.sha)
        if POLICY in changed:
            text = repo.files(now.sha).get(POLICY, b"{}")
            bad = text is None or read_policy(text, POLICY)[0] is None
            found.append(
                _event(repo, parent, now.sha, "invalid" if bad else "policy", None, POLICY)
            )
        for model in sorted({*before.stages, *now.stages, *now.faulty}):
            touched = any(_is_of(path, model) for path in changed)
            file = model if touched else POLICY
            if model in now.faulty:
                if touched or model not in before.faulty:
                    found.append(_event(repo, parent, now.sha, "invalid", model, file))
                continue
            old, new = before.stages.get(model, {}), now.stages.get(model, {})
            for stage in sorted({*old, *new}):
                if old.get(stage, []) != new.get(stage, []):
                    event = _event(repo, parent, now.sha, "stage", model, file)
                    found.append(
                        event
                        | {"stage": stage, "from": old.get(stage, []), "to": new.get(stage, [])}
                    )
        before = now
    return found


def changed_files(repo: Repo, parent: str | None, sha: str) -> set[str]:
    """Which files below the registry folder a commit changed, against the one before it."""
    trees = [
        dict(
            reversed(line.split("\t", 1))
            for line in repo.git("ls-tree", "-r", one, "--", str(REGISTRY)).splitlines()
        )
        if one
        else {}
        for one in (parent, sha)
    ]
    return {
        path
        for path in trees[0].keys() | trees[1].keys()
        if trees[0].get(path) != trees[1].get(path)
    }


def _is_twin(one: str, other: str) -> bool:
    return one != other and one.lower() == other.lower()


def _is_of(path: str, model: str) -> bool:
    """Whether a path is a manifest of a model, or of a twin of it."""
    return _is_manifest(path) and PurePosixPath(path).stem.lower() == model.lower()


def _is_manifest(path: str) -> bool:
    return path.startswith(f"{REGISTRY}/models/") and path.endswith(".yaml")


def _event(
    repo: Repo, parent: str | None, sha: str, kind: str, model: str | None, file: str
) -> dict[str, Any]:
    """`file` is a manifest's stem or the policy's path."""
    making_shas = [sha]
    parents = repo.git("show", "-s", "--format=%P", sha).split()
    if len(parents) > 1:
        merged = repo.git(
            *("rev-list", "--date-order", "--no-merges", f"^{parent}"),
            *(other for other in parents if other != parent),
        ).split()
        own_commits = []
        for one in merged:
            up = repo.git("rev-parse", "-q", "--verify", f"{one}^1", check=False) or None
            paths = changed_files(repo, up, one)
            if file in paths or any(_is_of(path, file) for path in paths):
                own_commits.append(one)
        making_shas = own_commits or [sha]
    authors = list(
        dict.fromkeys(
            repo.git("show", "-s", "--format=%an <%ae>", making_sha) for making_sha in making_shas
        )
    )
    subject, committer = repo.git("show", "-s", "--format=%s%x00%cn <%ce>", sha).split("\0")
    own_author = repo.git("show", "-s", "--format=%an <%ae>", sha)
    return {
        "type": kind,
        "commit": sha,
        "model": model,
        "stage": None,
        "from": [],
        "to": [],
        "author": authors[0],
        "co_authors": authors[1:],
        "merged_by": own_author if len(parents) > 1 else committer,
        "subject": subject,
    }
