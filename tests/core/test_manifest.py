"""A manifest's text as a value (DESIGN §3)."""

from __future__ import annotations

from mlflow_gitops.core.manifest import DataPin, Manifest, VersionSpec, check_policy, read_manifest
from mlflow_gitops.core.policy import Policy
from tests.core.test_examples import EXAMPLES


def read(text: str, name: str = "m") -> Manifest:
    manifest, document = read_manifest(f"name: {name}\n{text}".encode(), f"registry/models/{name}.yaml")
    assert manifest is not None, document.problems
    return manifest


def test_everything_that_can_be_said() -> None:
    file = "registry/models/everything.yaml"
    manifest, document = read_manifest((EXAMPLES / "good/models/everything.yaml").read_bytes(), file)
    assert document.problems == []
    assert manifest == Manifest(
        name="everything",
        file=file,
        description="Scores what comes in, in two lines that are folded into one.",
        owners=("@somebody", "@your-org/team.a_b-c", "team@example.org"),
        tags={"task": "classification", "tier": "1", "with space": "010", "a.b/c-d:e_f": ""},
        stages={"Production": (12,), "Staging": (14,), "Canary": (12,), "Archived": (1, 2, 3)},
        aliases={"champion": 12, "Challenger_2": 14},
        versions={
            12: VersionSpec(
                run_id="0f3c5a7e9b1d42c68e0a2f4b6d8c1e35",
                source="models:/m-0f3c5a7e9b1d42c68e0a2f4b6d8c1e35",
                model_id="m-0f3c5a7e9b1d42c68e0a2f4b6d8c1e35",
                dataset_digest="5b6f8a1c",
                data=DataPin("data/reviews.csv", "d8e8fca2dc0f896fd7cb4cb0031ba249"),
                description="Retrained on September's payments.\n\nSecond paragraph.\n",
                tags={"validation": "passed"},
            ),
            14: VersionSpec(data=DataPin("data/.hidden/a folder", "d8e8fca2dc0f896fd7cb4cb0031ba249.dir")),
            2147483647: VersionSpec(),
        },
    )


def test_the_least() -> None:
    assert read("stages: {}\n") == Manifest("m", "registry/models/m.yaml", None, (), {}, {}, {}, {})


def test_null_and_an_empty_list_are_one() -> None:
    """An empty stage is said on purpose, which is not the same as no word of it (RULES R2)."""
    manifest = read("stages: {Production: null, Staging: [], Archived: [3, 1]}\n")
    assert manifest.stages == {"Production": (), "Staging": (), "Archived": (1, 3)}
    assert "Canary" not in manifest.stages


def test_how_it_is_written_makes_no_difference() -> None:
    block = "description: a b\nstages:\n  Production:\n  - 2\nversions:\n  2:\n    tags:\n      a: x\n"
    flow = 'stages: {Production: 2}\nversions: {"2": {tags: {a: "x"}}}\ndescription: "a\n  b"\n'
    assert read(block) == read(flow) == read(block.replace("\n", "\r\n"))


def test_an_empty_description_is_not_none() -> None:
    assert read('stages: {}\ndescription: ""\n').description == ""


def test_the_policy_of_the_model_counts() -> None:
    policy = Policy(
        {
            "stages": {"Canary": {"alias": "canary", "native": False}, "Production": {"alias": "production"}},
            "models": [{"match": "many-*", "stages": {"Production": {"alias": None}, "Canary": None}}],
        }
    )
    text = "stages: {Production: [1, 2], Canary: 1}\n"
    for name, expected in (("one", ["stage-one-version"]), ("many-of-them", ["stage-unknown"])):
        _, document = read_manifest(f"name: {name}\n{text}".encode(), f"registry/models/{name}.yaml")
        check_policy(document, policy.for_model(name))
        assert [problem.code for problem in document.problems] == expected
