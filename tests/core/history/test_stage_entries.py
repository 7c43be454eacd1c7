"""What git knows of a version that comes to hold a stage: its making commit, its judge, the way it
came (RULES R1, R3).

Here a line of commits is given as the files of each, and a blob's id is its content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from mlflow_gitops.core.history.base import Base, BaseState
from mlflow_gitops.core.history.entry_reader import entries_at, with_entries
from mlflow_gitops.core.history.history_reader import HistoryReader, former_prompts
from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.history.model_history import ModelHistory
from mlflow_gitops.core.history.stage_entries import Entry, files_at, new_holders
from mlflow_gitops.core.manifests.desired import Desired
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.core.manifests.policy import Policy
from mlflow_gitops.core.manifests.policy_file import read_policy
from mlflow_gitops.core.manifests.registry_folder import RegistryFolder

FILE, POLICY = "registry/models/m.yaml", "registry/policy.yaml"
ASKING = "stages: {Production: {require: {pinned: true}}}\n"
TAGGED = "stages: {Production: {require: {tags: {a: x}}}}\n"

Tree = Mapping[str, str | None]


def holding(body: str) -> Tree:
    return {FILE: f"name: m\nstages: {body}\n"}


def sha(i: int) -> str:
    return f"{i:040x}"


def commit(i: int) -> Commit:
    return Commit(
        sha(i), f"2026-01-{i + 1:02d}T00:00:00Z", "A Person <a@example.org>", f"Commit {i}"
    )


def line(*trees: Tree) -> MainLine:
    """The main line; each tree says what its commit changed, None deletes."""
    changes = [(i, path, text) for i, tree in enumerate(trees) for path, text in tree.items()]
    return MainLine(
        [sha(i) for i in range(len(trees))], changes, {sha(i): commit(i) for i in range(len(trees))}
    )


def contents(ids: Iterable[str]) -> Mapping[str, bytes]:
    return {one: one.encode() for one in ids}


def wanted(trees: Iterable[Tree], path: str = FILE) -> Desired | None:
    """What the last of these trees says of the model, by the last policy."""
    files: dict[str, str | None] = {}
    for tree in trees:
        files.update(tree)
    rules = read_policy((files.get(POLICY) or "{}").encode(), POLICY)[0] or Policy()
    text = files.get(path)
    manifest = read_manifest(text.encode(), path)[0] if text else None
    return Desired(manifest, rules.for_model("m")) if manifest else None


def explained(
    *trees: Tree, base: int | None = 0, dirty: Tree | None = None, state: BaseState = "known"
) -> tuple[ModelHistory, HistoryReader]:
    """The history from the base to the last commit, or to a working tree on top of it, with its
    entries."""
    target = wanted([*trees, dirty or {}])
    histories = HistoryReader(line(*trees), RegistryFolder("registry"), contents)
    start = Base.at(None) if base is None else Base(sha(base), state)
    history = histories.history("m", target, start, uncommitted=dirty is not None)
    return with_entries(histories, history), histories


def entry(*trees: Tree, base: int | None = 0, dirty: Tree | None = None) -> Entry:
    [found] = explained(*trees, base=base, dirty=dirty)[0].entries
    return found


def judged_by(found: Entry, stage: str = "Production") -> tuple[str, ...]:
    return found.judge.stages[stage].gates.names


# -- which entries there are -----------------------------------------------------------------------


def test_an_entry_is_what_the_target_holds_and_the_base_does_not() -> None:
    before = wanted([holding("{Production: 1, Staging: [2, 3], Archived: 9}")])
    target = wanted([holding("{Staging: [3, 4], Production: 2, Archived: 9}")])
    assert before is not None and target is not None
    assert new_holders(target, before) == [
        ("Production", 2),
        ("Staging", 4),
    ], "in display order of the stages"
    assert new_holders(target, None) == [
        ("Production", 2),
        ("Staging", 3),
        ("Staging", 4),
        ("Archived", 9),
    ]


def test_a_version_that_both_hold_is_no_entry() -> None:
    found, _ = explained(
        holding("{Production: 1}"), holding("{Production: 2}"), holding("{Production: 1}")
    )
    assert found.entries == ()


@pytest.mark.parametrize("state", ["stale", "unknown", "lost"])
def test_where_the_base_is_not_known_nothing_is_judged(state: BaseState) -> None:
    assert explained(holding("{Production: 1}"), state=state)[0].entries == ()


def test_a_model_without_a_manifest_has_no_entries() -> None:
    found, histories = explained(holding("{Production: 1}"), {FILE: None})
    assert found.target is None and found.entries == ()
    assert entries_at(histories, "m", sha(1)) == ()


# -- the making commit and the way there -----------------------------------------------------------


def test_the_newest_commit_that_put_it_there_made_it() -> None:
    trees = (
        holding("{}"),
        holding("{Production: 2}"),
        holding("{}"),
        holding("{Production: 2}"),
        holding("{Production: [2, 3]}"),
    )
    found, _ = explained(*trees)
    assert [(one.version, one.making_commit) for one in found.entries] == [
        (2, commit(3)),
        (3, commit(4)),
    ]
    assert all(one.stays == {} for one in found.entries)


def test_a_first_manifest_made_what_it_holds() -> None:
    for base in (None, 0):
        assert entry({}, holding("{Production: 1}"), base=base).making_commit == commit(1)


def test_the_way_there_may_lie_before_the_base() -> None:
    """`stays` maps each stage that it was in right before to the commit that the unbroken stay
    began with."""
    trees = (
        holding("{Staging: 2}"),
        holding("{}"),
        holding("{Staging: 2, Production: 1}"),
        holding("{Staging: [2, 3], Production: 1}"),
        holding("{Staging: 3, Production: 2}"),
    )
    for base in range(4):
        found = (
            entry(*trees, base=base) if base == 3 else explained(*trees, base=base)[0].entries[0]
        )
        assert (found.stage, found.version, found.making_commit) == ("Production", 2, commit(4))
        assert found.stays == {"Staging": commit(2)}, "an earlier stay does not count"


def test_every_stage_that_it_was_in_right_before_is_told() -> None:
    policy = {POLICY: "stages: {Canary: {alias: canary, native: false}}\n"}
    found = entry(
        {**policy, **holding("{Staging: 2}")},
        holding("{Staging: 2, Canary: 2}"),
        holding("{Production: 2, Canary: 2}"),
        base=1,
    )
    assert found.stays == {"Staging": commit(0), "Canary": commit(1)}


def test_where_the_manifest_lay_when_a_commit_made_it_so() -> None:
    """It is moved twice: after the promotion, and together with the next one."""
    moved, again = "registry/models/nlp/m.yaml", "registry/models/text/m.yaml"
    text = "name: m\nstages: {Production: 2}\n"
    trees = (
        holding("{Production: 1}"),
        holding("{Production: 2}"),
        {FILE: None, moved: text},
        {moved: None, again: text.replace("2", "3")},
    )
    target = wanted(trees, again)
    assert target is not None
    histories = HistoryReader(line(*trees), RegistryFolder("registry"), contents)
    past = histories.history("m", target, Base.at(sha(0)))
    assert [past.files(commit(i)) for i in range(4)] == [
        (FILE,),
        (FILE,),
        (moved, FILE),
        (again, moved),
    ]
    assert files_at(past.points, commit(9)) == ()
    assert past.files(commit(9)) == (again,), "where it lies now, if nothing tells"


def test_what_began_with_the_first_manifest() -> None:
    """Nothing lies before it: no other commit made it, and no stay led to it, whatever the target
    holds beside it."""
    rules = {POLICY: "stages: {Canary: {alias: canary, native: false}}\n"}
    trees = (
        {**rules, **holding("{Production: 1, Canary: 1}")},
        holding("{Production: 1, Canary: 1, Staging: 2}"),
    )
    found = {one.stage: one for one in explained(*trees, base=None)[0].entries}
    assert {stage: (one.making_commit, one.stays) for stage, one in found.items()} == {
        "Production": (commit(0), {}), "Canary": (commit(0), {}), "Staging": (commit(1), {}),
    }  # fmt: skip
    climbed = entry({**rules, **holding("{Canary: 2}")}, holding("{Canary: 2, Production: 2}"))
    assert climbed.stays == {"Canary": commit(0)}


def test_what_is_not_committed_has_no_making_commit() -> None:
    found = entry(holding("{Staging: 2}"), dirty=holding("{Production: 2}"))
    assert found.making_commit is None and found.stays == {"Staging": commit(0)}
    before = holding("{Staging: 2}"), holding("{Staging: 2, Archived: 1}")
    assert entry(*before, base=1, dirty=holding("{Production: 2}")).stays == {"Staging": commit(0)}


# -- the judge -------------------------------------------------------------------------------------


def test_the_policy_before_the_making_commit_judges() -> None:
    """So one pull request cannot loosen a gate and use it; a later one may."""
    trees = {POLICY: ASKING, **holding("{}")}, {POLICY: TAGGED, **holding("{Production: 2}")}
    assert judged_by(entry(*trees)) == ("pinned",)
    later = (
        {POLICY: ASKING, **holding("{}")},
        {POLICY: TAGGED},
        holding("{Production: 2}"),
        {POLICY: "{}\n"},
    )
    assert judged_by(entry(*later)) == ("tags",)


def test_the_last_policy_that_can_be_read_judges() -> None:
    trees = {POLICY: ASKING, **holding("{}")}, {POLICY: "stages: ["}, holding("{Production: 2}")
    assert judged_by(entry(*trees)) == ("pinned",)


def test_the_first_policy_ever_judges_itself() -> None:
    for base in (None, 0):
        found = entry(holding("{}"), {POLICY: ASKING, **holding("{Production: 2}")}, base=base)
        assert judged_by(found) == ("pinned",)
    loosened = entry(
        holding("{}"), {POLICY: ASKING, **holding("{Production: 2}")}, {POLICY: "{}\n"}
    )
    assert judged_by(loosened) == ("pinned",), "what came after it does not judge"
    after = entry(holding("{}"), holding("{Production: 2}"), {POLICY: ASKING})
    assert judged_by(after) == ("pinned",), (
        "there was none before, and the target's own is all there is"
    )


def test_the_first_policy_judges_with_its_exceptions_for_the_model_and_its_kind() -> None:
    ruled = "models: [{match: m, stages: {Production: {require: {pinned: true}}}}]\n"
    found = entry(holding("{}"), {POLICY: ruled, **holding("{Production: 2}")}, {POLICY: "{}\n"})
    assert judged_by(found) == ("pinned",)
    ruled = ruled.replace("match: m", "match: m, kind: prompt")
    prompt = {FILE: "name: m\nkind: prompt\nstages: {Production: 2}\n"}
    for trees in (
        [{POLICY: ruled, **prompt}, {POLICY: "{}\n"}],
        [{POLICY: ruled}, {POLICY: "{}\n", **prompt}],
    ):
        assert judged_by(entry(*trees, base=None)) == ("pinned",)


def test_a_working_tree_is_judged_by_the_last_policy_of_the_line() -> None:
    trees = {POLICY: ASKING, **holding("{}")}, {POLICY: TAGGED}
    assert judged_by(entry(*trees, dirty={POLICY: "{}\n", **holding("{Production: 2}")})) == (
        "tags",
    )
    alone = entry(holding("{}"), dirty={POLICY: ASKING, **holding("{Production: 2}")})
    assert judged_by(alone) == ("pinned",), "the first policy ever, and not even committed"


def test_the_judge_is_the_policy_for_this_model() -> None:
    policy = "models: [{match: m, stages: {Production: {require: {pinned: true}}}}]\n"
    assert judged_by(entry({POLICY: policy, **holding("{}")}, holding("{Production: 2}"))) == (
        "pinned",
    )
    _, histories = explained(
        {POLICY: policy, **holding("{}")}, {POLICY: "{}\n", **holding("{Production: 2}")}
    )
    assert histories.judge(commit(1), "m").stages["Production"].gates.built_in.get("pinned")
    assert not histories.judge(commit(1), "other").stages["Production"].gates.built_in.get("pinned")


def test_a_prompt_is_judged_by_the_rules_for_prompts() -> None:
    """By what the manifest is at the commit itself; another commit's kind does not count."""
    rules = "models: [{match: m, kind: prompt, stages: {Production: {require: {tags: {a: x}}}}}]\n"
    prompt = {FILE: "name: m\nkind: prompt\nstages: {Production: 2}\n"}
    _, histories = explained(
        {POLICY: rules, **holding("{}")}, prompt, holding("{Production: 2}"), base=None
    )
    judges = [histories.judge(commit(i), "m").stages["Production"].gates.names for i in (1, 2)]
    assert judges == [("tags",), ()]
    assert histories.judge(commit(1), "m").stages["Production"].native is False
    [_, standing] = [entries_at(histories, "m", sha(i)) for i in (0, 1)]
    assert judged_by(standing[0]) == ("tags",)
    _, bare = explained(prompt, base=None)
    assert bare.judge(commit(0), "m") == Policy().for_model("m", "prompt"), (
        "no policy, and still a prompt"
    )


def test_prompts_that_were_are_known_by_their_last_manifest() -> None:
    prompt, other = {FILE: "name: m\nkind: prompt\nstages: {}\n"}, "registry/models/other.yaml"
    trees = holding("{}"), {**prompt, other: "name: other\nstages: {}\n"}, {FILE: None, other: None}
    _, histories = explained(*trees)
    assert former_prompts(histories, []) == ["m"] and former_prompts(histories, ["m"]) == []
    _, again = explained(prompt, holding("{}"))
    assert former_prompts(again, []) == [], "it is a model since"
    hidden = {"registry/models/x/%2Egreet.yaml": "name: .greet\nkind: prompt\nstages: {}\n"}
    assert former_prompts(explained(hidden, holding("{}"))[1], ["m"]) == [".greet"], (
        "the name, not the file's"
    )


def test_where_there_is_no_policy_mlflows_own_rules_judge() -> None:
    _, histories = explained(holding("{}"), holding("{Production: 2}"))
    assert histories.judge(commit(1), "m") == Policy().for_model("m")


# -- what stands at a commit -----------------------------------------------------------------------


def test_every_holder_at_a_commit_is_explained() -> None:
    trees = (
        holding("{Staging: 2}"),
        holding("{Staging: 3, Production: 2}"),
        holding("{Production: 3}"),
    )
    _, histories = explained(*trees)
    points, standing = histories.points_until("m", sha(1)), entries_at(histories, "m", sha(1))
    assert [point.commit for point in points] == [commit(0), commit(1)]
    assert [(one.stage, one.version, one.making_commit, one.stays) for one in standing] == [
        ("Production", 2, commit(1), {"Staging": commit(0)}),
        ("Staging", 3, commit(1), {}),
    ]
    assert entries_at(histories, "m", sha(2))[0].version == 3
    assert histories.points_until("unheard", sha(2)) == []
    assert entries_at(histories, "unheard", sha(2)) == ()


def test_what_stood_is_judged_by_the_policy_before_it() -> None:
    trees = (
        {POLICY: ASKING, **holding("{}")},
        {POLICY: TAGGED, **holding("{Production: 2}")},
        {POLICY: "{}\n"},
    )
    _, histories = explained(*trees)
    [standing] = entries_at(histories, "m", sha(2))
    assert standing.making_commit == commit(1) and judged_by(standing) == ("pinned",)
    ruled = "models: [{match: m, stages: {Production: {require: {pinned: true}}}}]\n"
    _, histories = explained({POLICY: ruled, **holding("{}")}, holding("{Production: 2}"))
    assert judged_by(entries_at(histories, "m", sha(1))[0]) == ("pinned",), (
        "the exceptions for this model count"
    )
    _, bare = explained(holding("{Production: 2}"))
    assert entries_at(bare, "m", sha(0))[0].judge == Policy().for_model("m")


def test_a_commit_names_a_model_whose_file_it_has() -> None:
    moved = {FILE: None, "registry/models/nlp/m.yaml": "name: m\nstages: {}\n"}
    _, histories = explained({}, holding("{}"), moved, {"registry/models/nlp/m.yaml": None})
    assert [histories.files.has_manifest("m", sha(i)) for i in range(4)] == [
        False,
        True,
        True,
        False,
    ]
    assert not histories.files.has_manifest("unheard", sha(3))


# -- the whole course ------------------------------------------------------------------------------


def test_the_moments_of_a_manifest() -> None:
    """Each commit that could have changed it; what cannot be read leaves its last state, and says
    why (RULES R7)."""
    trees = (
        {POLICY: "{}\n"},
        holding("{Production: 1}"),
        {POLICY: ASKING},
        {FILE: "name: m\nstages: ["},
        {FILE: None},
        holding("{Production: 2}"),
    )
    _, histories = explained(*trees)
    moments = histories.moments("m")
    assert [(one.index, one.touched, one.fault is None) for one in moments] == [
        (1, True, True), (2, False, True), (3, True, False), (4, True, True), (5, True, True),
    ]  # fmt: skip
    assert [one.desired.holders("Production") if one.desired else None for one in moments] == [
        (1,), (1,), (1,), None, (2,),
    ]  # fmt: skip
    assert histories.moments("unheard") == [] and histories.files.stems() == ["m"]
    _, never = explained({FILE: "name: m\nstages: ["}, holding("{}"))
    assert never.moments("m")[0].desired is None, "there was no state before it"


def test_the_commits_that_changed_the_policy() -> None:
    _, histories = explained({POLICY: "{}\n"}, holding("{}"), {POLICY: "stages: ["}, {POLICY: None})
    found = histories.policies.faults()
    assert [(i, why is None) for i, why in found] == [(0, True), (2, False), (3, True)]


def test_a_registry_without_stages_reads_every_policy_so() -> None:
    histories = HistoryReader(
        line(holding("{Production: 1}")), RegistryFolder("registry"), contents, stageless=True
    )
    rule = histories.judge(commit(0), "m").stages["Production"]
    assert (rule.native, rule.alias) == (False, "production")


def test_blobs_are_read_in_one_batch() -> None:
    """One `git cat-file` for a whole course, however many commits it has."""
    trees = [{POLICY: f"# {i}\n{{}}\n", **holding(f"{{Production: {i}}}")} for i in range(1, 6)]
    batches: list[set[str]] = []

    def read(ids: Iterable[str]) -> Mapping[str, bytes]:
        batches.append(set(ids))
        return contents(batches[-1])

    every = {text for tree in trees for text in tree.values()}
    histories = HistoryReader(line(*trees), RegistryFolder("registry"), read)
    histories.moments("m")
    assert batches == [every]
    batches.clear()
    target = wanted(trees)
    assert target is not None
    again = HistoryReader(line(*trees), RegistryFolder("registry"), read)
    again.prefetch([("m", Base.at(sha(2)))])
    again.history("m", target, Base.at(sha(2)))
    assert batches == [{text for tree in trees[2:] for text in tree.values()}]


def test_nothing_before_the_base_is_read_for_a_model_that_no_version_enters() -> None:
    trees = [holding(f"{{Archived: {i}}}") for i in range(1, 5)]
    read: set[str] = set()

    def reads(ids: Iterable[str]) -> Mapping[str, bytes]:
        read.update(ids)
        return contents(read)

    last = holding("{}")
    target = wanted([last])
    assert target is not None
    histories = HistoryReader(line(*trees, last), RegistryFolder("registry"), reads)
    with_entries(histories, histories.history("m", target, Base.at(sha(3))))
    assert read == {trees[3][FILE], last[FILE]}
