"""What is written of a model reads as what was taken of it, whatever people put into names,
descriptions and tags."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_gitops.core.authoring.edit_manifest import Edit, apply_edit
from mlflow_gitops.core.authoring.manifest_content import ImportScope, ManifestContent, content_of
from mlflow_gitops.core.authoring.new_manifest import new_manifest
from mlflow_gitops.core.authoring.set_value import Path, with_value
from mlflow_gitops.core.manifests.manifest import Manifest, read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.names import file_stem, name_fault
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from tests.support.core.random_plans import EXAMPLE_COUNT

texts = st.text(
    st.sampled_from("ab:#-'\"\\{}[]|> \n\t\r%&*!?@,é—😀\u2028\u202e\x07\x85"), max_size=30
) | st.text(max_size=12)
words = st.sampled_from(
    [
        "yes",
        "12",
        "010",
        "1:30",
        "null",
        "~",
        "",
        "a b",
        "-",
        "true",
        "0x1f",
        "# no",
        "a: b",
        " lead",
        "trail ",
    ]
)
tags = st.dictionaries(
    st.sampled_from(["task", "a.b/c", "9", "no", "x y", "gitops.at", "mlflow.x", "ö"]),
    texts | words,
    max_size=4,
)
aliases = st.dictionaries(
    st.sampled_from(["champion", "Challenger", "9", "no", "production", "größe"]),
    st.integers(1, 5),
    max_size=4,
)
NATIVE = ("None", "Staging", "Production", "Archived")


@st.composite
def observed(draw: st.DrawFn) -> ObservedModel:
    name = draw(
        (texts | words | st.just("churn")).filter(
            lambda one: name_fault(one) is None and not set(one) & set("/:")
        )
    )
    versions = {
        number: ObservedVersion(
            number,
            draw(st.sampled_from(NATIVE)),
            draw(texts),
            draw(tags),
            draw(st.none() | st.just("r1")),
            draw(texts) or None,
        )
        for number in range(1, draw(st.integers(0, 4)) + 1)
    }
    return ObservedModel(name, draw(texts | words), draw(tags), draw(aliases), versions)


def policy(*, aliased: bool) -> Policy:
    canary = {"native": False, "alias": "canary"}
    return Policy(
        {"stages": {"Production": {"alias": "production"}, "Canary": canary}} if aliased else {}
    )


@settings(max_examples=EXAMPLE_COUNT * 2, deadline=None)
@given(observed(), st.booleans())
def test_what_is_written_reads_as_what_was_taken(seen: ObservedModel, aliased: bool) -> None:
    rules = policy(aliased=aliased).for_model(seen.name)
    taken = content_of(seen, rules, ImportScope(all_versions=True, descriptions=True, tags=True))
    data = new_manifest(seen.name, taken, "../../schemas/model.schema.json")
    manifest, document = read_manifest(data, f"registry/models/{file_stem(seen.name)}.yaml")
    if manifest is not None:
        check_policy(document, rules)
    assert manifest is not None and not document.problems, (data.decode(), document.problems)
    assert (manifest.name, manifest.stages, manifest.aliases) == (
        seen.name,
        taken.stages,
        taken.aliases,
    )
    assert stands(manifest) == taken.texts
    pins = {
        n: {w: getattr(s, w) for w in ("run_id", "source", "model_id") if getattr(s, w)}
        for n, s in manifest.versions.items()
    }
    assert {n: pin for n, pin in pins.items() if pin} == taken.pins
    for stage, held in manifest.stages.items():
        if rules.stages[stage].native and not rules.stages[stage].alias:
            assert held == seen.holders(stage)


def stands(manifest: Manifest) -> dict[Path, str]:
    """The texts of a manifest by where they stand."""
    found: dict[Path, str] = {("tags", key): value for key, value in manifest.tags.items()}
    if manifest.description is not None:
        found[("description",)] = manifest.description
    for number, spec in manifest.versions.items():
        found |= {("versions", str(number), "tags", key): value for key, value in spec.tags.items()}
        if spec.description is not None:
            found[("versions", str(number), "description")] = spec.description
    return found


LAYOUTS = [
    "name: m\nstages: {}\n",
    (
        "# ours\nname: m   # m\nstages:\n    Production: 1  # serves\naliases: {champion: 1}  #"
        " shop\nversions:\n    1: {run_id: r}\n"
    ),
    (
        "name: m\ntags: {task: a}\nstages: {Production: 1}\naliases:\n  champion: 1\n  old: 2 #"
        " gone soon\nversions:\n  1:\n    tags:\n      a: b\n"
    ),
    '{"name": "m", "stages": {"Production": 1}, "aliases": {"champion": 1}}\n',
    "name: m\r\ndescription: |\r\n  Two\r\n  lines\r\nstages: {}\r\n",
    "stages: {}\nname: m",
]
changes = st.dictionaries(
    st.sampled_from([("aliases", "champion"), ("aliases", "new"), ("aliases", "old")]),
    st.none() | st.integers(1, 9),
) | st.dictionaries(
    st.sampled_from(
        [
            ("description",),
            ("tags", "task"),
            ("tags", "no"),
            ("versions", "1", "description"),
            ("versions", "1", "tags", "a"),
            ("versions", "12", "tags", "a"),
        ]
    ),
    texts.filter(
        lambda text: (
            content_of(
                ObservedModel("m", text), Policy().for_model("m"), ImportScope(descriptions=True)
            ).texts
        )
    ),
)


@settings(max_examples=EXAMPLE_COUNT * 2, deadline=None)
@given(st.sampled_from(LAYOUTS), changes)
def test_values_are_changed_where_they_stand(
    text: str, values: dict[Path, str | int | None]
) -> None:
    before, _ = read_manifest(text.encode(), "registry/models/m.yaml")
    assert before is not None
    made = apply_edit(text.encode(), "registry/models/m.yaml", Edit(values=values)).decode()
    after, document = read_manifest(made.encode(), "registry/models/m.yaml")
    assert after is not None, (made, document.problems)
    expected = before
    for path, value in values.items():
        expected = with_value(expected, path, value)
    assert after == replace(expected, file=after.file)
    for comment in ("# ours", "# m\n", "# serves"):
        assert (comment in text) == (comment in made)


def test_a_new_manifest_is_a_few_plain_lines() -> None:
    taken = ManifestContent(
        {"Production": (1, 2)}, {"champion": 2}, {2: {"run_id": "r"}}, {("description",): "Said."}
    )
    assert (
        new_manifest("m", taken, None).decode()
        == 'name: m\ndescription: "Said."\nstages:\n  Production: [1, 2]\naliases:\n  champion:'
        " 2\nversions:\n  2: {run_id: r}\n"
    )


def test_a_holder_that_was_not_uploaded_whole_is_noted() -> None:
    broken = ObservedVersion(1, "Production", status="FAILED_REGISTRATION")
    pending = ObservedVersion(3, "Staging", status="PENDING_REGISTRATION")
    versions = {1: broken, 2: ObservedVersion(2, "Production"), 3: pending}
    versions[4] = replace(broken, number=4, stage="Archived")
    rules = policy(aliased=False).for_model("m")
    notes = content_of(ObservedModel("m", versions=versions), rules, ImportScope()).notes
    assert {note.partition(" in MLflow")[0] for note in notes if "status" in note} == {
        "version 3 in Staging has the status PENDING_REGISTRATION",
        "version 1 in Production has the status FAILED_REGISTRATION",
    }
