"""What must hold for an edit of any file: it means what was asked for, and its diff is the lines
that this takes."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from mlflow_gitops.core.authoring.edit_manifest import Edit, apply_edit
from mlflow_gitops.core.manifests.manifest import read_manifest
from mlflow_gitops.errors import Failure

EXAMPLES = int(os.environ.get("MLFLOW_GITOPS_TEST_EXAMPLES", "20"))
FILE = "registry/models/m.yaml"
ORDER = ("Production", "Staging", "Canary", "Archived")
RUNS = st.text("0123456789abcdef", min_size=1, max_size=8)
SOURCES = st.sampled_from(
    ["models:/m-1", "s3://bucket/a b", "runs:/0f3c/model", "C:\\models\\1", 'it\'s "here" #1']
)


@dataclass(frozen=True)
class Layout:
    """How one file is written."""

    indent: int
    eol: str
    last: bool  # whether the last line ends with a line break
    mark: bool  # a byte order mark
    quote: str


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    return Layout(
        draw(st.integers(1, 4)), draw(st.sampled_from(["\n", "\r\n", "\r"])), draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from(["", "'", '"'])),
    )  # fmt: skip


@st.composite
def comments(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(["", "", "", " # why", "   # it's {not} [yaml]: at all, 14"]))


@st.composite
def values(draw: st.DrawFn, versions: list[int], pad: str, step: str, *, flow: bool) -> str:
    """A stage's value, from behind the colon."""
    if not versions:
        return draw(
            st.sampled_from(
                [" null", " ~", " []", " [ ]", ""] if not flow else [" null", " ~", " []"]
            )
        )
    if len(versions) == 1 and draw(st.booleans()):
        return f" {versions[0]}"
    if flow or draw(st.booleans()):
        space = draw(st.sampled_from(["", " "]))
        return f" [{space}{', '.join(map(str, versions))}{space}]"
    if draw(st.booleans()):
        inner = pad + draw(st.sampled_from([step, ""]))
        lines = [f"{inner}- {version}{draw(comments())}" for version in versions]
        return draw(comments()) + "\n" + "\n".join(lines)
    return " [\n" + ",\n".join(f"{pad}{step}{version}" for version in versions) + f"\n{pad}{step}]"


@st.composite
def stage_sections(draw: st.DrawFn, layout: Layout) -> list[str]:
    held = draw(st.lists(st.integers(1, 20), unique=True, max_size=6))
    names = draw(st.lists(st.sampled_from(ORDER), unique=True, max_size=4))
    shares: dict[str, list[int]] = {name: [] for name in names}
    for version in held:
        if names:
            shares[draw(st.sampled_from(names))].append(version)
    key, q, step = "stages", layout.quote, " " * layout.indent
    if not names:
        return [f"{key}: {draw(st.sampled_from(['{}', '{ }']))}{draw(comments())}"]
    style = draw(st.sampled_from(["block", "block", "flow", "flow lines"]))
    if style == "block":
        lines = [f"{key}:{draw(comments())}"]
        for name, versions in shares.items():
            value = draw(values(versions, step, step, flow=False))
            after = "" if "#" in value else draw(comments())
            lines += [
                *draw(st.lists(st.just(f"{step}# about {name}"), max_size=1)),
                f"{step}{q}{name}{q}:{value}{after}",
            ]
        return lines
    entries = [
        f"{q}{name}{q}:{draw(values(versions, step, step, flow=True))}"
        for name, versions in shares.items()
    ]
    if style == "flow":
        space = draw(st.sampled_from(["", " "]))
        return [f"{key}: {{{space}{', '.join(entries)}{space}}}{draw(comments())}"]
    comma = draw(st.sampled_from(["", ","]))
    tail = [","] * (len(entries) - 1) + [comma]
    return [
        f"{key}: {{",
        *(f"{step}{one}{end}{draw(comments())}" for one, end in zip(entries, tail, strict=True)),
        f"{step}}}",
    ]


@st.composite
def version_sections(draw: st.DrawFn, layout: Layout) -> list[str]:
    numbers = draw(st.lists(st.integers(1, 20), unique=True, max_size=4))
    if not numbers:
        return draw(st.sampled_from([[], ["versions: {}"]]))
    step = " " * layout.indent
    specs = []
    for _ in numbers:
        spec = {
            "run_id": f'"{draw(RUNS)}"',
            "source": "'s3://x'",
            "description": draw(st.sampled_from(["text", '"# no"'])),
        }
        specs.append(
            [
                (name, spec[name])
                for name in draw(st.permutations(list(spec)))
                if draw(st.booleans())
            ]
        )
    style = draw(st.sampled_from(["block", "rows", "flow"]))
    rows = ["{" + ", ".join(f"{k}: {v}" for k, v in spec) + "}" for spec in specs]
    if style == "flow":
        return [
            "versions: {"
            + ", ".join(f"{n}: {row}" for n, row in zip(numbers, rows, strict=True))
            + "}"
            + draw(comments())
        ]
    lines = [f"versions:{draw(comments())}"]
    for number, spec, row in zip(numbers, specs, rows, strict=True):
        if style == "rows" or not spec:
            lines.append(f"{step}{number}: {row}{draw(comments())}")
            continue
        lines.append(f"{step}{number}:{draw(comments())}")
        lines += [f"{step * 2}{name}: {value}{draw(comments())}" for name, value in spec]
        if draw(st.booleans()):
            literal = (
                "|" if layout.last else "|-"
            )  # text that ends a file has no line break to spare
            lines += [
                f"{step * 2}tags:",
                f"{step * 3}a: {literal}",
                f"{step * 4}long",
                "",
                f"{step * 4}text",
            ]
    return lines


@st.composite
def files(draw: st.DrawFn) -> bytes:
    layout = draw(layouts())
    sections = {
        "name": [f"name: m{draw(comments())}"],
        "description": draw(
            st.sampled_from(
                [[], ["description: stages"], ["description: >-", "  stages: {a: 1}", "  b"]]
            )
        ),
        "tags": draw(
            st.sampled_from(
                [[], ["tags: {Production: '12'}  # no stage"], ["tags:", '   Staging: "14"']]
            )
        ),
        "stages": draw(stage_sections(layout)),
        "aliases": draw(
            st.sampled_from([[], ["aliases: {champion: 12}"], ["aliases:", "  Production-2: 12"]])
        ),
        "versions": draw(version_sections(layout)),
    }
    order = draw(st.one_of(st.just(list(sections)), st.permutations(list(sections))))
    lines = draw(st.sampled_from([[], ["# head"], ["---"], ["# head", "", "---"]]))
    for name in order:
        if sections[name]:
            lines = [
                *lines,
                *draw(st.sampled_from([[], [], [""], ["", "# next"]])),
                *sections[name],
            ]
    lines += draw(st.sampled_from([[], [], ["# end"], ["", ""]]))
    text = "\n".join(lines).replace("\n", layout.eol) + (layout.eol if layout.last else "")
    return ("\ufeff" if layout.mark else "").encode() + text.encode()


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    stages: dict[str, tuple[int, ...]] = {}
    for stage in draw(st.lists(st.sampled_from(ORDER), unique=True, max_size=3)):
        size = draw(st.sampled_from([0, 1, 1, 1, 2, 3]))
        stages[stage] = tuple(
            sorted(draw(st.lists(st.integers(1, 20), unique=True, min_size=size, max_size=size)))
        )
    pins = draw(
        st.dictionaries(
            st.integers(1, 20),
            st.fixed_dictionaries(
                {},
                optional={
                    "run_id": st.none() | RUNS,
                    "source": st.none() | SOURCES,
                    "model_id": st.none() | RUNS,
                },
            ),
            max_size=2,
        )
    )
    return Edit(stages, pins)


def meaning(data: bytes) -> Any:
    """What a file says to PyYAML itself, stages as sorted lists, empty ones left out."""
    found = yaml.load(data.decode("utf-8-sig"), Loader=yaml.BaseLoader)
    found["stages"] = {
        stage: sorted(held if isinstance(held, list) else [held], key=int)
        for stage, held in found["stages"].items()
        if held not in ("null", "~", "", [])
    }
    return found


def expected(data: bytes, edit: Edit) -> Any:
    wanted = meaning(data)
    for stage, held in edit.stages.items():
        wanted["stages"].pop(stage, None)
        if held:
            wanted["stages"][stage] = [str(version) for version in held]
    for number, fields in edit.pins.items():
        here = wanted.setdefault("versions", {}).setdefault(str(number), {})
        here.update({name: value for name, value in fields.items() if value is not None})
        for name in fields:
            if fields[name] is None:
                here.pop(name, None)
        if not here and str(number) not in (meaning(data).get("versions") or {}):
            del wanted["versions"][str(number)]
    if not wanted.get("versions") and "versions" not in meaning(data):
        wanted.pop("versions", None)
    return wanted


def lines_of(data: bytes) -> list[str]:
    return data.decode().splitlines(keepends=True)


def touched(data: bytes, new: bytes) -> tuple[list[str], list[str]]:
    """The lines that are gone and the lines that are new."""
    changes = list(difflib.ndiff(data.decode().splitlines(), new.decode().splitlines()))
    return [c[2:] for c in changes if c.startswith("- ")], [
        c[2:] for c in changes if c.startswith("+ ")
    ]


@settings(max_examples=EXAMPLES, deadline=None)
@given(files(), edits())
def test_an_edit_means_what_was_asked_for_and_leaves_the_rest_as_it_stands(
    data: bytes, edit: Edit
) -> None:
    assume(read_manifest(data, FILE)[0] is not None)
    new = apply_edit(data, FILE, edit, ORDER)  # no layout of these is beyond it
    event("changed" if new != data else "as it was")
    assert meaning(new) == expected(data, edit)
    assert apply_edit(new, FILE, edit, ORDER) == new
    gone, made = touched(data, new)
    ends = {re.search(r"(\r\n|\r|\n|)\Z", line).group() for line in lines_of(data)} - {""}  # type: ignore[union-attr]
    assert len(ends) <= 1 and all(line.endswith(tuple(ends)) for line in lines_of(new)[:-1] if ends)
    assert (data[-1:] in b"\r\n") == (new[-1:] in b"\r\n")
    assert data.startswith("\ufeff".encode()) == new.startswith("\ufeff".encode())
    # A comment that has its line for itself stays, and no line comes or goes outside the two
    # sections that may change.
    assert not [line for line in gone if line.lstrip().startswith("#")]
    for line in (*gone, *made):
        assert not line.lstrip("\ufeff").startswith(
            ("name:", "description:", "tags:", "aliases:", "---")
        ), (gone, made)


@settings(max_examples=EXAMPLES, deadline=None)
@given(files(), st.integers(21, 30))
def test_one_version_for_another_is_one_line(data: bytes, version: int) -> None:
    manifest, _ = read_manifest(data, FILE)
    assume(manifest is not None)
    for stage, versions in manifest.stages.items() if manifest else ():
        if len(versions) != 1:
            continue
        new = apply_edit(data, FILE, Edit({stage: (version,)}), ORDER)
        [(old, now)] = [
            (a, b) for a, b in zip(lines_of(data), lines_of(new), strict=True) if a != b
        ]
        places = [found.span() for found in re.finditer(rf"\b{versions[0]}\b", old)]
        assert now in [old[:start] + str(version) + old[end:] for start, end in places]


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    files(),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from("{}[],:#?-| 1\n\r'&")), max_size=3),
    edits(),
)
def test_a_damaged_layout_is_edited_rightly_or_not_at_all(
    data: bytes, damage: list[tuple[int, str]], edit: Edit
) -> None:
    text = data.decode()
    for at, character in damage:
        text = text[: at % len(text)] + character + text[at % len(text) :]
    if read_manifest(text.encode(), FILE)[0] is None:
        return
    try:
        new = apply_edit(text.encode(), FILE, edit, ORDER)
    except Failure:
        return
    assert meaning(new) == expected(text.encode(), edit)
