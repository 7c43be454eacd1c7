"""Templates for what deploys models: what they may do, and what they refuse."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mlflow_gitops.core.observed.resolved import Resolved
from mlflow_gitops.errors import Failure, UsageFailure
from mlflow_gitops.render.serving.filled_template import FilledTemplate, default_pattern, slug

FRAUD = Resolved(
    "fraud-detector",
    "Production",
    12,
    "models:/fraud-detector/12",
    "sha256:" + "ab" * 32,
    None,
    "c" * 40,
    "2026-01-02T03:04:05Z",
)


def fill(text: str, resolved: Resolved = FRAUD, *, environment: str | None = None) -> str:
    return FilledTemplate("x.yaml.j2", text, "{{ model }}", environment).fill(resolved)


def test_everything_that_git_says_can_be_used() -> None:
    text = "{{ model }} {{ stage }} {{ version }} {{ uri }} {{ digest }} {{ commit }} {{ at }}\n"
    assert fill(text) == (
        f"fraud-detector Production 12 models:/fraud-detector/12 {FRAUD.digest} {FRAUD.commit}"
        " 2026-01-02T03:04:05Z\n"
    )
    assert fill("{{ environment }}", environment="prod") == "prod"


def test_names_add_no_yaml() -> None:
    hostile = replace(FRAUD, model='x"\nkind: Secret\n#')
    assert fill("name: {{ model | tojson }}\n", hostile).count("\n") == 1
    assert fill("name: {{ model | slug }}\n", hostile).count("\n") == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ run_id }}", "'run_id' is undefined"),
        ("{{ environment }}", "'environment' is undefined"),
        ("{{ verison }}", "'verison' is undefined"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ cycler.__init__.__globals__ }}", "unsafe"),
        ("{{ range(10 ** 9) | list }}", "Range too big"),
        ("{% include '/etc/passwd' %}", "no loader"),
    ],
)
def test_what_is_not_known_or_not_allowed_is_an_error(text: str, reason: str) -> None:
    with pytest.raises(Failure, match=r"x\.yaml\.j2 cannot be filled") as raised:
        fill(text)
    assert reason in str(raised.value)


def test_a_digest_that_is_not_pinned_names_the_way_to_pin_it() -> None:
    with pytest.raises(Failure) as raised:
        fill("{{ digest }}", replace(FRAUD, digest=None))
    assert raised.value.fix == "Pin it: mlflow-gitops pin fraud-detector 12"
    without = "{% if digest is defined %}{{ digest }}{% else %}none{% endif %}"
    assert fill(without, replace(FRAUD, digest=None)) == "none"


def test_an_error_of_the_template_has_its_line() -> None:
    with pytest.raises(Failure, match=r"x\.yaml\.j2:2: "):
        fill("a\n{% if %}")


@pytest.mark.parametrize(
    "pattern", ["../{{ model }}", "a/b", "", ".", "..", "{{ model }}\n", "{{ 'x' * 300 }}", "a\\b"]
)
def test_a_name_stays_in_the_folder(pattern: str) -> None:
    template = FilledTemplate("x.yaml.j2", "", pattern, None)
    with pytest.raises(UsageFailure, match="no name of a file"):
        template.name("m", "Production")


@pytest.mark.parametrize("pattern", ["{{ version }}", "{{ digest }}"])
def test_a_name_does_not_change_with_the_version(pattern: str) -> None:
    with pytest.raises(Failure, match="--name cannot be filled"):
        FilledTemplate("x.yaml.j2", "", pattern, None).name("m", "Production")


def test_slugs_are_names_of_kubernetes_and_differ() -> None:
    names = ["fraud", "Fraud Detector", "fraud-detector", "fraud_detector", "-", "é", "x" * 80]
    slugs = [slug(name) for name in names]
    assert slugs[0] == "fraud" and slugs[2] == "fraud-detector"
    assert len(set(slugs)) == len(names)
    for made in slugs:
        assert 0 < len(made) <= 63 and made.strip("-") == made
        assert re.fullmatch("[a-z0-9-]+", made)


@pytest.mark.parametrize(
    ("file", "environment", "pattern"),
    [
        ("deployment.yaml.j2", False, "{{ model | slug }}-{{ stage | slug }}.yaml"),
        ("env.jinja2", False, "{{ model | slug }}-{{ stage | slug }}"),
        (
            "a.b.json",
            True,
            "{{ environment | slug }}-{{ model | slug }}-{{ stage | slug }}.json",
        ),
    ],
)
def test_the_default_name(file: str, environment: bool, pattern: str) -> None:
    assert default_pattern(file, has_environment=environment) == pattern
