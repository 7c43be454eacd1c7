"""Hypothesis strategies: manifests, histories and observed states of one model, all valid by
construction."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from mlflow_gitops.core.history.mainline import Commit, Point
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import Manifest, VersionSpec
from mlflow_gitops.core.manifests.policy import ModelPolicy, Policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion

NAME = "model"
OWNER = "0" * 40 + ":registry"
VERSIONS = range(1, 6)
NEW_VERSION = 6

POLICIES = [
    Policy(),
    Policy({"stages": {"Staging": {"alias": "staging"}, "Production": {"alias": "production"}}}),
    Policy(
        {
            "stages": {
                "Staging": {"protected": True},
                "Canary": {"alias": "canary", "native": False},
                "Production": {"alias": "production"},
            }
        }
    ),
    Policy(
        {
            "stages": {
                "Production": {"alias": "live", "native": False},
                "Canary": {"alias": "canary", "native": False},
            }
        }
    ),
]
REPORTING = Policy({"drift": "report"})

_texts = st.sampled_from(["", "one", "two"])
_tags = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), max_size=2)


@st.composite
def manifests(draw: st.DrawFn, rules: ModelPolicy) -> Manifest:
    """A manifest that `check_policy` would pass under `rules`."""
    free = list(VERSIONS)
    stages: dict[str, tuple[int, ...]] = {}
    for rule in rules.stages.values():
        if not draw(st.booleans()):
            continue
        pool = free if rule.native else list(VERSIONS)
        most = 1 if rule.alias else 2
        chosen = draw(st.lists(st.sampled_from(pool), max_size=most, unique=True)) if pool else []
        stages[rule.name] = tuple(sorted(chosen))
        if rule.native:
            free = [version for version in free if version not in chosen]
    aliases = draw(
        st.dictionaries(
            st.sampled_from(["champion", "rival"]), st.sampled_from(list(VERSIONS)), max_size=2
        )
    )
    specs = draw(
        st.dictionaries(
            st.sampled_from(list(VERSIONS)),
            st.builds(VersionSpec, description=st.none() | _texts, tags=_tags),
            max_size=2,
        )
    )
    if draw(st.integers(0, 3)) == 0:
        specs[NEW_VERSION] = VersionSpec(source="file:///new", tags=draw(_tags))
        if draw(st.booleans()) and "Staging" in stages and rules.stages["Staging"].native:
            stages["Staging"] = (NEW_VERSION,)
    return Manifest(
        NAME,
        f"registry/models/{NAME}.yaml",
        draw(st.none() | _texts),
        (),
        draw(_tags),
        stages,
        aliases,
        specs,
    )


@st.composite
def desired_states(draw: st.DrawFn, policies: list[Policy] = POLICIES) -> Desired:
    rules = draw(st.sampled_from(policies)).for_model(NAME)
    return Desired(draw(manifests(rules)), rules)


def commit(number: int) -> Commit:
    return Commit(
        f"{number:040x}",
        f"2026-01-{number + 1:02d}T00:00:00Z",
        "A Person <a@example.org>",
        f"Change ({number})",
    )


@st.composite
def histories(draw: st.DrawFn, policies: list[Policy] = POLICIES) -> ModelHistory:
    """One to four commits, the last with a manifest, with or without a base."""
    states = draw(st.lists(st.none() | desired_states(policies), max_size=3))
    states.append(draw(desired_states(policies)))
    if draw(st.booleans()):
        states.append(states[-1])  # git may have moved without touching the model
    points = tuple(Point(commit(i), state) for i, state in enumerate(states))
    based = draw(st.booleans())
    return ModelHistory(commit(0).sha if based else None, "known" if based else "none", points)


@st.composite
def observed_models(draw: st.DrawFn, base: str | None) -> ObservedModel:
    """What people, training jobs and half-finished runs may have left in MLflow."""
    versions = {
        number: ObservedVersion(
            number,
            stage=draw(st.sampled_from(["None", "Staging", "Production", "Archived"])),
            description=draw(_texts),
            tags=draw(_tags)
            | draw(st.dictionaries(st.just("byhand"), st.just("kept"), max_size=1)),
        )
        for number in VERSIONS
    }
    names = ["champion", "rival", "production", "staging", "canary", "live", "byhand"]
    model = ObservedModel(
        NAME,
        description=draw(_texts),
        tags=draw(_tags) | {"byhand": "kept"},
        aliases=draw(
            st.dictionaries(st.sampled_from(names), st.sampled_from(list(VERSIONS)), max_size=4)
        ),
        versions=versions,
    )
    return (
        replace(model, tags={**model.tags, "gitops.commit": base, "gitops.owner": OWNER})
        if base
        else model
    )
