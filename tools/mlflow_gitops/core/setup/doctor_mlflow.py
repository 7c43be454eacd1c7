"""`doctor`'s checks of the registry: can it be read, does it keep stages, and what may the user do?
Nothing is written to find out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from mlflow_gitops.core.manifests.snapshot import Snapshot
from mlflow_gitops.core.observed.server_version import ALIASES, CONSEQUENCES, SINCE
from mlflow_gitops.core.setup.doctor import Area, CheckResult, run_checks
from mlflow_gitops.core.setup.doctor_git import version_pair
from mlflow_gitops.core.wording import and_list, first_few

MLFLOW = Area("mlflow")

SUPPORTED_MLFLOW = ((3, 5), (4, 0))
"""The first supported MLflow, and the first that is no longer; as in pyproject.toml."""

_CHANGES_VERSIONS = (None, "EDIT", "MANAGE")
"""Grants on the versions of all models that let a user move stages; without one, the grant on the
model decides."""

_LISTED = 3
"""Models that a message lists."""


@dataclass(frozen=True, slots=True)
class MlflowFacts:
    """A registry.

    `fault` says why it cannot be read, and `fix` what to do. `models` are the managed models that
    it has, `permissions` what the user may do with each of them, None if the server does not
    report that; `version_permission` overrides them for versions. `lacks` are the features that
    the server's version does not have.
    """

    client: str
    uri: str
    fault: str | None = None
    fix: str = ""
    is_http: bool = False
    server: str | None = None
    lacks: Collection[str] = ()
    user: str | None = None
    has_token: bool = False
    is_stageless: bool = False
    models: Collection[str] = ()
    permissions: Mapping[str, str] | None = None
    version_permission: str | None = None
    snapshot: Snapshot = field(default_factory=Snapshot)


def check_mlflow(facts: MlflowFacts) -> Iterator[CheckResult]:
    """Run all checks of a registry; if it cannot be read, those that need no reading."""
    yield from run_checks(CHECKS, facts)
    if facts.fault is None:
        yield from run_checks(CHECKS_OF_CONTENT, facts)


def _client(facts: MlflowFacts) -> Iterator[CheckResult]:
    oldest, too_new = SUPPORTED_MLFLOW
    if oldest <= version_pair(facts.client) < too_new:
        yield MLFLOW.ok("client", f"MLflow {facts.client}")
    else:
        detail = f"MLflow {facts.client} is not supported"
        yield MLFLOW.missing("client", detail, "pip install 'mlflow-skinny>=3.5,<4'")


def _credentials(facts: MlflowFacts) -> Iterator[CheckResult]:
    if not facts.is_http:
        return
    if facts.has_token:
        yield MLFLOW.ok("credentials", "a token is set")
    elif facts.user is not None:
        yield MLFLOW.ok("credentials", "user and password are set")
    else:
        yield MLFLOW.unknown(
            "credentials",
            "none are set, which is right only if the server requires none",
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.",
        )


def _read(facts: MlflowFacts) -> Iterator[CheckResult]:
    if facts.fault is not None:
        yield MLFLOW.missing("read", facts.fault, facts.fix or "Set MLFLOW_TRACKING_URI.")
        return
    server = f" (MLflow {facts.server})" if facts.server else ""
    yield MLFLOW.ok("read", f"{facts.uri} can be read{server}")


CHECKS: tuple[Callable[[MlflowFacts], Iterator[CheckResult]], ...] = (_client, _credentials, _read)
"""The checks that need no content of the registry, in the order in which results are printed."""


def _models(facts: MlflowFacts) -> Iterator[CheckResult]:
    manifests = facts.snapshot.manifests
    missing = sorted(set(manifests) - set(facts.models))
    if missing:
        yield MLFLOW.unknown(
            "models",
            f"{first_few(missing, _LISTED)} not in MLflow, or hidden from this user; reconcile"
            " creates missing models",
            "Grant READ, or train and register the model.",
        )
    elif manifests:
        yield MLFLOW.ok("models", f"every model of the {len(manifests)} manifests is in MLflow")


def _stages(facts: MlflowFacts) -> Iterator[CheckResult]:
    if facts.is_stageless:
        yield MLFLOW.ok("stages", "this registry keeps no stages: each is kept as an alias")
    else:
        yield MLFLOW.ok("stages", "this registry keeps stages")


def _features(facts: MlflowFacts) -> Iterator[CheckResult]:
    """What the server's version lacks. Only aliases are missed by what git asks for."""
    if not facts.is_http:
        return
    if facts.server is None:
        yield MLFLOW.unknown(
            "features",
            "the server does not state its version; what it lacks shows only when it is needed",
            "Let the proxy before it pass /version; servers before MLflow 2.0 have none.",
        )
        return
    if not facts.lacks:
        yield MLFLOW.ok("features", f"{and_list(list(SINCE))}")
    for feature in facts.lacks:
        major, minor = SINCE[feature]
        detail = f"no {feature} before MLflow {major}.{minor}: {CONSEQUENCES[feature]}"
        if feature == ALIASES and _models_with_aliases(facts):
            fix = "Upgrade the server, or take the aliases out of policy and manifests."
            yield MLFLOW.missing("features", detail, fix)
        else:
            yield MLFLOW.ok("features", detail)


def _models_with_aliases(facts: MlflowFacts) -> list[str]:
    policy = facts.snapshot.policy
    return [
        name
        for name, manifest in facts.snapshot.manifests.items()
        if manifest.aliases or policy.for_model(name, manifest.kind).stage_aliases
    ]


def _unknown_permissions(facts: MlflowFacts) -> Iterator[CheckResult]:
    if facts.permissions is None and facts.is_http:
        yield MLFLOW.unknown(
            "rights",
            "reading does not show whether this user may write",
            "Writing requires EDIT on each model, removing an alias or a version's tag MANAGE,"
            " creating a model that permission.",
        )


def _permissions(facts: MlflowFacts) -> Iterator[CheckResult]:
    if not facts.permissions:
        return
    user = facts.user or "this user"
    read_only = sorted(
        name
        for name, permission in facts.permissions.items()
        if permission not in ("EDIT", "MANAGE")
    )
    without_manage = _models_that_need_manage(facts)
    if read_only:
        yield MLFLOW.missing(
            "rights",
            f"{user} may not change {first_few(read_only, _LISTED)}; reading is enough for plan,"
            " reconcile needs EDIT",
            "Ask MLflow's administrator for EDIT on each model.",
        )
    if without_manage:
        yield MLFLOW.missing(
            "alias-rights",
            f"{user} may not remove an alias of {first_few(without_manage, _LISTED)}, as emptying a"
            " stage does (EDIT is not enough)",
            "Ask MLflow's administrator for MANAGE.",
        )
    if facts.version_permission not in _CHANGES_VERSIONS:
        yield MLFLOW.missing(
            "version-rights",
            f"{user} may not move stages or tag versions: {facts.version_permission} on"
            " registered_model_version overrides what is granted on each model (MLflow 3.17)",
            "If this user reconciles, ask MLflow's administrator to remove that grant.",
        )
    elif not read_only and not without_manage and not _models_with_locked_tags(facts):
        yield MLFLOW.ok("rights", f"{user} may change every managed model")


def _removal_of_tags(facts: MlflowFacts) -> Iterator[CheckResult]:
    models = _models_with_locked_tags(facts)
    if not models:
        return
    fix = "Ask MLflow's administrator for MANAGE."
    if facts.version_permission is not None:
        fix = "Ask MLflow's administrator to remove the grant on registered_model_version."
    yield MLFLOW.missing(
        "tag-rights",
        f"{facts.user or 'this user'} may not remove tags of versions of"
        f" {first_few(models, _LISTED)}, as reconcile does with stamps that hold no longer (EDIT is"
        " not enough)",
        fix,
    )


def _models_with_locked_tags(facts: MlflowFacts) -> list[str]:
    """The models whose versions the user may edit and not manage, except those that are reported
    for their aliases. Deleting a version's tag needs MANAGE, by the grant on the versions of all
    models if there is one (MLflow 3.17)."""
    if facts.version_permission not in _CHANGES_VERSIONS:
        return []
    reported = _models_that_need_manage(facts)
    return sorted(
        name
        for name, permission in (facts.permissions or {}).items()
        if (facts.version_permission or permission) == "EDIT" and name not in reported
    )


def _models_that_need_manage(facts: MlflowFacts) -> list[str]:
    """The models with aliases that the user may edit and not manage. Deleting an alias needs MANAGE
    (MLflow 3.17)."""
    permissions = facts.permissions or {}
    return sorted(name for name in _models_with_aliases(facts) if permissions.get(name) == "EDIT")


CHECKS_OF_CONTENT: tuple[Callable[[MlflowFacts], Iterator[CheckResult]], ...] = (
    _models,
    _stages,
    _features,
    _unknown_permissions,
    _permissions,
    _removal_of_tags,
)
"""The checks of a registry that can be read, in the order in which results are printed."""
