"""A name never becomes a part of a query (RULES R13)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mlflow_gitops.core.health.query import QueryFault, check_query, fill_query

DAY = timedelta(days=1)


def filled(template: str, model: str = "fraud", window: timedelta = DAY) -> str:
    values = {"model": model, "version": "14", "stage": "Production", "environment": "prod"}
    return fill_query(template, values, window)


@pytest.mark.parametrize(
    ("template", "query"),
    [
        ('up{model="$model",version="$version"}', 'up{model="fraud",version="14"}'),
        ("up{version!='$version'}", "up{version!='14'}"),
        ('up{stage = "$stage", env="$environment"}', 'up{stage = "Production", env="prod"}'),
        ('sum(increase(n{version="$version"}[$window]))', 'sum(increase(n{version="14"}[86400s]))'),
        ('up{job=~"a|b$",version="$version"}', 'up{job=~"a|b$",version="14"}'),
        ('label_replace(up, "a", "$1", "b", "(.*)")', 'label_replace(up, "a", "$1", "b", "(.*)")'),
        ('up{version="$version"} # it\'s $5', 'up{version="14"} # it\'s $5'),
        ('{"my.metric", "version"="$version"}', '{"my.metric", "version"="14"}'),
    ],
)
def test_variables_are_values_of_labels(template: str, query: str) -> None:
    assert filled(template) == query


@pytest.mark.parametrize(
    ("model", "literal"),
    [
        ('x"} or vector(0) #', r'"x\"} or vector(0) #"'),
        ("x\\", r'"x\\"'),
        ('x\\"} or up{a="', r'"x\\\"} or up{a=\""'),
        ("a{b}[5m]", '"a{b}[5m]"'),
        ("new\nline\t", r'"new\x0aline\x09"'),
        ("$version", '"$version"'),
        ("`#'", '"`#\'"'),
        ("café 模型", '"café 模型"'),
    ],
)
def test_a_name_stays_inside_its_quotes(model: str, literal: str) -> None:
    assert filled('up{model="$model",version="$version"}', model) == (
        f'up{{model={literal},version="14"}}'
    )
    assert filled("up{model='$model'}", "it's") == r"up{model='it\'s'}"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("up{version=$version}", "not in quotes"),
        ('up{model=~"$model",version="$version"}', "behind = or !="),
        ('up{model!~"$model",version="$version"}', "behind = or !="),
        ('up{model="v-$model",version="$version"}', "not one variable"),
        ('up{model="$model$stage",version="$version"}', "not one variable"),
        ('up{model="${model}",version="$version"}', "not one variable"),
        ('up{model="$modle",version="$version"}', "only $model, $version"),
        ("up{model=`$model`,version='$version'}", "behind = or !="),
        ('label_replace(up{version="$version"}, "a", "$model", "b", "")', "behind = or !="),
        ('up{version="$version"}["$window"]', "does not go in quotes"),
        ('up{version="$version}', "no end"),
        ('up{version="$version"} ${x', "not in quotes"),
        ('up{model="$model"}', "which version"),
        ("up", "which version"),
    ],
)
def test_what_could_be_read_otherwise_is_no_query(template: str, words: str) -> None:
    with pytest.raises(QueryFault) as fault:
        check_query(template)
    assert words in str(fault.value)


def test_a_window_is_never_empty() -> None:
    assert filled("x[$window]", window=timedelta(0)) == "x[1s]"
    assert filled("x[$window]", window=timedelta(minutes=90, microseconds=9)) == "x[5400s]"
