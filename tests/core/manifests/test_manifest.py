"""A manifest's text as a value (DESIGN §3)."""

from __future__ import annotations

import pytest

from mlflow_gitops.core.manifests.manifest import DataPin, Manifest, VersionSpec, read_manifest
from mlflow_gitops.core.manifests.manifest_checks import check_policy
from mlflow_gitops.core.manifests.origin_pin import OriginPin
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from tests.support.core.example_files import EXAMPLES


def read(text: str, name: str = "m") -> Manifest:
    manifest, document = read_manifest(
        f"name: {name}\n{text}".encode(), f"registry/models/{name}.yaml"
    )
    assert manifest is not None, document.problems
    return manifest


def test_everything_that_can_be_said() -> None:
    file = "registry/models/everything.yaml"
    manifest, document = read_manifest(
        (EXAMPLES / "good/models/everything.yaml").read_bytes(), file
    )
    assert document.problems == []
    assert manifest == Manifest(
        name="everything",
        file=file,
        formerly=("everything-at-first",),
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
                metrics={"accuracy": 0.931, "loss": 1.5e-07},
            ),
            14: VersionSpec(
                data=DataPin("data/.hidden/a folder", "d8e8fca2dc0f896fd7cb4cb0031ba249.dir")
            ),
            15: VersionSpec(
                origin=OriginPin(
                    environment="staging",
                    version=14,
                    run_id="0f3c5a7e9b1d42c68e0a2f4b6d8c1e35",
                    model_id="m-0f3c5a7e9b1d42c68e0a2f4b6d8c1e35",
                    digest=(
                        "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
                    ),
                    model="everything",
                )
            ),
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
    block = (
        "description: a b\nstages:\n  Production:\n  - 2\nversions:\n  2:\n    tags:\n      a: x\n"
    )
    flow = 'stages: {Production: 2}\nversions: {"2": {tags: {a: "x"}}}\ndescription: "a\n  b"\n'
    assert read(block) == read(flow) == read(block.replace("\n", "\r\n"))


def test_an_empty_description_is_not_none() -> None:
    assert read('stages: {}\ndescription: ""\n').description == ""


def test_the_policy_of_the_model_counts() -> None:
    policy = Policy(
        {
            "stages": {
                "Canary": {"alias": "canary", "native": False},
                "Production": {"alias": "production"},
            },
            "models": [
                {"match": "many-*", "stages": {"Production": {"alias": None}, "Canary": None}}
            ],
        }
    )
    text = "stages: {Production: [1, 2], Canary: 1}\n"
    for name, expected in (("one", ["stage-one-version"]), ("many-of-them", ["stage-unknown"])):
        _, document = read_manifest(
            f"name: {name}\n{text}".encode(), f"registry/models/{name}.yaml"
        )
        check_policy(document, policy.for_model(name))
        assert [problem.code for problem in document.problems] == expected


# -- what is wrong with it, each thing wherever it stands ------------------------------------------

FILE = "registry/models/m.yaml"


def wrong(text: str, policy: str = "{}", file: str = FILE) -> list[tuple[int, int, str, str]]:
    """What is wrong with a manifest under a policy: line, column, code, message; the schema's own
    findings left out."""
    rules = read_policy(policy.encode(), "registry/policy.yaml")[0]
    assert rules is not None
    _, document = read_manifest(text.encode(), file)
    check_policy(document, rules.for_model("m"))
    told = [p for p in document.problems if p.code not in ("wrong-type", "missing-field")]
    return [
        (p.line, p.column, p.code, p.message)
        for p in sorted(told, key=lambda p: (p.line, p.column))
    ]


@pytest.mark.parametrize(
    "body",
    [
        "stages: [1]",
        "stages: x",
        "stages: {}\naliases: [v1]",
        "stages: {}\naliases: x",
        "stages: {}\ntags: [gitops.a]",
        "stages: {}\nversions: [12]",
        "stages: {}\nversions: x",
        "stages: {}\nversions: {1: x, 2: {tags: [gitops.a]}, 3: {tags: x}}",
        "stages: {Production: {1: 2}, Staging: [[1], true, 1.5]}",
        "stages: {Production: true, Staging: true}",
        "stages: {}\naliases: {champion: [1], other: true}",
    ],
)
def test_what_is_of_the_wrong_type_is_left_to_the_schema(body: str) -> None:
    """And never more than told: the other checks pass it over."""
    text = f"name: m\n{body}\n"
    assert wrong(text, "aliases: {only: [Production]}") == []
    assert read_manifest(text.encode(), FILE)[0] is None


@pytest.mark.parametrize(
    "text", ["[1]\n", "text\n", "12\n", "name: [m]\nstages: {}\n", "name: 12\nstages: {}\n"]
)
def test_a_file_of_another_kind_is_told_by_the_schema_alone(text: str) -> None:
    manifest, document = read_manifest(text.encode(), FILE)
    check_policy(document, Policy().for_model("m"))
    assert manifest is None and {problem.code for problem in document.problems} <= {
        "wrong-type",
        "missing-field",
    }


def test_a_file_is_called_like_its_model() -> None:
    assert wrong("name: m\nstages: {}\n", file="registry/models/a/b/m.yaml") == []
    assert wrong("name: a.yaml\nstages: {}\n", file="registry/models/a.yaml.yaml") == []
    found = wrong("name: Größe\nstages: {}\n", file="registry/models/x/m.yaml")
    assert found == [
        (1, 7, "file-name", "the model 'Größe' belongs in Gr%C3%B6%C3%9Fe.yaml, not m.yaml")
    ]


def test_every_name_is_looked_at_where_it_stands() -> None:
    text = (
        "name: m\nstages: {}\n"
        "aliases: {ok: 1, v1: 1, good: 1, latest: 1}\n"
        "tags: {ok: x, gitops.a: x, fine: x, mlflow.b: x}\n"
        "versions:\n"
        "  1: {}\n"
        "  2: {tags: {ok: x, a//b: x, gitops.c: x}}\n"
        "  9999999999: {tags: {a/./b: x}}\n"
        "  2147483648: {}\n"
        "  2147483647: {}\n"
    )
    belong = "tags that begin with gitops. or mlflow. are reserved for the tools"
    assert wrong(text) == [
        (3, 18, "alias-reserved", "the alias 'v1' is reserved by MLflow"),
        (3, 34, "alias-reserved", "the alias 'latest' is reserved by MLflow"),
        (4, 15, "tag-reserved", belong),
        (4, 37, "tag-reserved", belong),
        (7, 21, "bad-value", "MLflow refuses the tag name 'a//b'"),
        (7, 30, "tag-reserved", belong),
        (8, 3, "bad-value", "version 9999999999 is larger than 2147483647"),
        (8, 23, "bad-value", "MLflow refuses the tag name 'a/./b'"),
        (9, 3, "bad-value", "version 2147483648 is larger than 2147483647"),
    ]


def test_a_version_twice_in_one_list() -> None:
    text = "name: m\nstages:\n  Staging: [1, 2, 1, 2, 3]\n  Archived: [4, 4]\n  Production: [5]\n"
    assert wrong(text) == [
        (3, 19, "version-twice", "Staging lists version 1 twice"),
        (3, 22, "version-twice", "Staging lists version 2 twice"),
        (4, 17, "version-twice", "Archived lists version 4 twice"),
    ]


OWN = "stages: {Canary: {alias: canary, native: false}, Shadow: {alias: shadow, native: false}}"


def test_a_version_in_two_of_mlflows_stages() -> None:
    text = (
        "name: m\nstages:\n  Canary: 1\n  Production: 1\n  Shadow: 1\n  Staging: [2, 1]\n "
        " Archived: [1, 3]\n"
    )
    assert wrong(text, OWN) == [
        (
            6,
            16,
            "version-twice",
            "version 1 is in Production and in Staging, but can hold only one",
        ),
        (
            7,
            14,
            "version-twice",
            "version 1 is in Production and in Archived, but can hold only one",
        ),
    ], "a stage of the team's own is an alias, and holds it beside"


def test_a_stage_that_is_an_alias_holds_one_version() -> None:
    text = (
        "name: m\nstages:\n  Canary: [1, 2]\n  Shadow: [3, 3]\n  Production: [4, 5]\n  Staging:"
        " [6]\n"
    )
    message = "Canary is kept as the alias 'canary' and can hold only one version: keep one of them"
    assert [found for found in wrong(text, OWN) if found[2] != "version-twice"] == [
        (3, 11, "stage-one-version", message),
    ]  # fmt: skip


def test_an_unknown_stage_does_not_hide_the_next() -> None:
    text = "name: m\nstages: {None: 1, Prodction: 2, STAGING: 3, Xyz: 4, Canary: [5, 6]}\n"
    known = "known: Production, Staging, Canary, Shadow, Archived"
    assert [(code, message) for _, _, code, message in wrong(text, OWN)] == [
        ("stage-unknown", "there is no stage 'None'; remove the version instead"),
        ("stage-unknown", "there is no stage 'Prodction'; did you mean 'Production'?"),
        ("stage-unknown", "there is no stage 'STAGING'; did you mean 'Staging'?"),
        ("stage-unknown", f"there is no stage 'Xyz'; {known}"),
        (
            "stage-one-version",
            "Canary is kept as the alias 'canary' and can hold only one version: keep one of them",
        ),
    ]


def test_an_alias_that_follows_a_stage_is_not_set_by_hand() -> None:
    text = "name: m\nstages: {Canary: 1}\naliases: {fine: 1, canary: 1, ok: 1, SHADOW: 1}\n"
    assert wrong(text, OWN) == [
        (
            3,
            20,
            "alias-clash",
            "the alias 'canary' follows the stage Canary; remove it from aliases",
        ),
        (
            3,
            38,
            "alias-clash",
            "the alias 'SHADOW' follows the stage Shadow; remove it from aliases",
        ),
    ]


def test_aliases_of_holders_alone() -> None:
    text = (
        "name: m\nstages: {Production: [1, 2], Staging: 3}\naliases: {a: 1, b: 3, c: 2, d: 4, e:"
        " x}\n"
    )
    assert wrong(text, "aliases: {only: [Production]}") == [
        (
            3,
            20,
            "alias-not-allowed",
            "'b' may only point at a version that holds Production; version 3 does not",
        ),
        (
            3,
            32,
            "alias-not-allowed",
            "'d' may only point at a version that holds Production; version 4 does not",
        ),
    ]
    both = wrong(text, "aliases: {only: [Production, Staging]}")
    assert both == [
        (
            3,
            32,
            "alias-not-allowed",
            "'d' may only point at a version that holds Production or Staging; version 4 does not",
        )
    ]
    assert len(wrong(text, "aliases: {only: []}")) == 4 and wrong(text) == []


def test_beyond_a_hundred_problems_only_their_number_is_told() -> None:
    """`is_full`: whatever the kind, a long list makes no long list of messages."""
    many = ", ".join(["1"] * 120)
    _, document = read_manifest(
        f"name: m\nstages: {{Staging: [{many}], Archived: [2, 2]}}\n".encode(), FILE
    )
    assert len(document.problems) == 101
    before = document.unreported
    unknown = "".join(f"  S{i}: 1\n" for i in range(5))
    _, full = read_manifest(f"name: m\nstages:\n  Staging: [{many}]\n{unknown}".encode(), FILE)
    left = full.unreported
    check_policy(full, Policy().for_model("m"))
    assert before == 20 and full.unreported == left + 5


@pytest.mark.parametrize("other", ["Team", "TEAM", "tEAM ", "team "])
def test_tags_that_a_collation_takes_for_one(other: str) -> None:
    text = f'stages: {{}}\ntags: {{team: a, "{other}": b, theme: c}}\n'
    text += f'versions: {{1: {{tags: {{"{other}": a, team: b}}}}, 2: {{tags: {{team: c}}}}}}\n'
    problems = wrong(text)
    assert [code for _, _, code, _ in problems] == ["tag-clash", "tag-clash"]
    assert all("keep one of them" in message for *_, message in problems)
