"""What an attacker would write into a file, and where: the table that the hostile files are
generated from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CANARY = "not-for-your-eyes"
"""What stands in files beside the repository; no output may hold it."""


@dataclass(frozen=True)
class Fragment:
    """A piece of YAML in a value's place. `code` is the problem that it must raise wherever it
    stands; None where some places may take it as plain text."""

    name: str
    text: str
    code: str | None = None


FRAGMENTS = (
    Fragment("anchor", "&a [x]", "yaml-anchor"),
    Fragment("alias to nothing", "*a", "yaml-anchor"),
    Fragment("alias bomb", "[&a [x, x], &b [*a, *a], &c [*b, *b], &d [*c, *c], *d]", "yaml-anchor"),
    Fragment("recursive alias", "&a [*a]", "yaml-anchor"),
    Fragment("python object", "!!python/object/apply:os.system ['touch owned']", "yaml-tag"),
    Fragment("python name", "!!python/name:os.system ''", "yaml-tag"),
    Fragment("binary", "!!binary bm8=", "yaml-tag"),
    Fragment("local tag", "!include ../../secret.yaml", "yaml-tag"),
    Fragment("merge key", "{<<: {a: b}}"),
    Fragment("merge key of an alias", "{<<: *base}", "yaml-anchor"),
    Fragment("nested lists", "[" * 60 + "]" * 60, "yaml-depth"),
    Fragment("nested mappings", "{a: " * 60 + "1" + "}" * 60, "yaml-depth"),
    Fragment("a list as a key", "{? [a] : b}", "yaml-key"),
    Fragment("a key twice", "{a: b, a: c}", "duplicate-key"),
    Fragment("escape to a control", '"\\x1b[2J"', "control-character"),
    Fragment("escape to another order", '"\\u202etxt.yaml"', "control-character"),
    Fragment("half a pair", '"\\ud83d"'),
    Fragment("no character", '"\\UFFFFFFFF"', "yaml-syntax"),
    Fragment("ESC", "\x1b[31mred", "control-character"),
    Fragment("NUL", "a\x00b", "control-character"),
    Fragment("BOM", "a\ufeffb", "control-character"),
    Fragment("bidi", "a\u2066b\u2069", "control-character"),
    Fragment("line separator", "a\u2028b", "control-character"),
    Fragment("C1", "a\x9bb", "control-character"),
    Fragment("endless digits", "9" * 6000),
    Fragment("endless fraction", "0." + "1" * 6000),
    Fragment("over every float", "1e999999"),
    Fragment("not a number", ".nan"),
    Fragment("octal", "0777", "ambiguous-scalar"),
    Fragment("sixties", "1:30:00", "ambiguous-scalar"),
    Fragment("a day", "2026-01-01"),
    Fragment("a path", "../../../etc/passwd"),
    Fragment("a shell's command", "$(touch owned)"),
    Fragment("Jinja", "'{{ 7 * 7 }}'"),
    Fragment("a format", "'%s%n{0.__class__}'"),
    Fragment("markup", "'<script>alert(1)</script>'"),
    Fragment("a closed flow", "]]}} #", "yaml-syntax"),
    Fragment("a second document", "x\n---\nname: other", None),
)

MANIFEST = {
    "name": "name: %s\nstages: {}\n",
    "description": "name: m\nstages: {}\ndescription: %s\n",
    "owner": "name: m\nstages: {}\nowners: [%s]\n",
    "tags": "name: m\nstages: {}\ntags: %s\n",
    "tag": "name: m\nstages: {}\ntags: {a: %s}\n",
    "stages": "name: m\nstages: %s\n",
    "stage": "name: m\nstages: {Production: %s}\n",
    "held": "name: m\nstages: {Production: [%s]}\n",
    "alias": "name: m\nstages: {}\naliases: {champion: %s}\n",
    "versions": "name: m\nstages: {}\nversions: %s\n",
    "version": "name: m\nstages: {}\nversions: {1: %s}\n",
    "run": "name: m\nstages: {}\nversions: {1: {run_id: %s}}\n",
    "source": "name: m\nstages: {}\nversions: {1: {source: %s}}\n",
    "data": (
        "name: m\nstages: {}\nversions: {1: {data: {path: %s, md5:"
        " 0123456789abcdef0123456789abcdef}}}\n"
    ),
    "beside": "name: m\nstages: {}\nx: %s\n",
}
POLICY = {
    "stages": "stages: %s\n",
    "stage": "stages: {Canary: %s}\n",
    "alias": "stages: {Canary: {alias: %s, native: false}}\n",
    "soak": "stages: {Production: {soak: %s}}\n",
    "from": "stages: {Production: {from: [%s]}}\n",
    "approvals": "stages: {Production: {approvals: %s}}\n",
    "metric": "stages: {Production: {require: {metrics: {a: {min: %s}}}}}\n",
    "tags": "stages: {Production: {require: {tags: {a: %s}}}}\n",
    "limits": "limits: {changed_models: {percent: %s}}\n",
    "freeze": "freeze: {reason: x, until: %s}\n",
    "match": "models: [{match: %s, stages: {Production: {protected: true}}}]\n",
    "overrides": "overrides: [%s]\n",
}


def generated() -> Iterator[tuple[str, str, bytes, str | None]]:
    """Every fragment in every place: a name, the file, its content, and the problem that it must
    raise."""
    for file, places in (("models/m.yaml", MANIFEST), ("policy.yaml", POLICY)):
        for place, text in places.items():
            for fragment in FRAGMENTS:
                data = (text % fragment.text).encode("utf-8", "surrogatepass")
                yield (
                    f"{file.partition('/')[0]}, {place}: {fragment.name}",
                    file,
                    data,
                    fragment.code,
                )


_HEAD = b"name: m\nstages: {}\n"


def _many(line: bytes, top: bytes) -> bytes:
    """As many numbered lines as a file may hold."""
    count = ((1 << 20) - len(top)) // (len(line) + 5)
    return top + b"".join(line % (b"%06d" % i) for i in range(min(count, 100_000)))


def _fill(piece: bytes, top: bytes, end: bytes = b"") -> bytes:
    return top + piece * (((1 << 20) - len(top) - len(end)) // len(piece)) + end


HEAVY: dict[str, tuple[str, bytes]] = {
    "100,000 tags": ("models/m.yaml", _many(b" k%s: a\n", _HEAD + b"tags:\n")),
    "100,000 unknown fields": ("models/m.yaml", _many(b"k%s: a\n", _HEAD)),
    "100,000 stages": ("models/m.yaml", _many(b" k%s: 1\n", b"name: m\nstages:\n")),
    "100,000 aliases": ("models/m.yaml", _many(b" k%s: 1\n", _HEAD + b"aliases:\n")),
    "100,000 versions": ("models/m.yaml", _many(b" 1%s: {}\n", _HEAD + b"versions:\n")),
    "100,000 versions that are none": (
        "models/m.yaml",
        _many(b" v%s: {}\n", _HEAD + b"versions:\n"),
    ),
    "100,000 versions in Archived": (
        "models/m.yaml",
        _many(b" - 1%s\n", b"name: m\nstages:\n  Archived:\n"),
    ),
    "one wrong owner": ("models/m.yaml", _fill(b"a,", _HEAD + b"owners: [", b"a]\n")),
    "one owner": ("models/m.yaml", _fill(b"'@a',", _HEAD + b"owners: [", b"'@a']\n")),
    "a wrong version": ("models/m.yaml", _fill(b"x,", b"name: m\nstages: {Archived: [", b"x]}\n")),
    "one version": ("models/m.yaml", _fill(b"1,", b"name: m\nstages: {Archived: [", b"1]}\n")),
    "ambiguous words": ("models/m.yaml", _fill(b"no,", _HEAD + b"x: [", b"no]\n")),
    "anchors": ("models/m.yaml", _fill(b"&a ,", _HEAD + b"x: [", b"]\n")),
    "tags of YAML": ("models/m.yaml", _fill(b"!a ,", _HEAD + b"x: [", b"]\n")),
    "one key": ("models/m.yaml", _fill(b"a: 1\n", _HEAD)),
    "empty mappings": ("models/m.yaml", _fill(b"{},", _HEAD + b"x: [", b"]\n")),
    "open lists": ("models/m.yaml", _fill(b"[", _HEAD + b"x: ")),
    "dashes": ("models/m.yaml", _fill(b"- ", _HEAD + b"x:\n ")),
    "question marks": ("models/m.yaml", _fill(b"? ", b"")),
    "colons": ("models/m.yaml", _fill(b"1:", _HEAD + b"x: ")),
    "a long name": ("models/m.yaml", _fill(b"n", b"stages: {}\nname: ")),
    "a long description": ("models/m.yaml", _fill(b"d", _HEAD + b"description: ")),
    "a long key": ("models/m.yaml", _fill(b"k", _HEAD, b": 1\n")),
    "a long number": ("models/m.yaml", _fill(b"9", b"name: m\nstages: {Production: ", b"}\n")),
    "a long source": ("models/m.yaml", _fill(b"s", _HEAD + b"versions: {1: {source: ", b"}}\n")),
    "spaces": ("models/m.yaml", _fill(b" ", _HEAD)),
    "line breaks": ("models/m.yaml", _fill(b"\n", _HEAD)),
    "NULs": ("models/m.yaml", _fill(b"\x00", _HEAD)),
    "backslashes": ("models/m.yaml", _fill(b"\\\\", _HEAD + b'x: "', b'"\n')),
    "letters that fold": ("models/m.yaml", _fill("ß".encode(), _HEAD + b"tags: {a: ", b"}\n")),
    "100,000 stages of a policy": ("policy.yaml", _many(b" k%s: {}\n", b"stages:\n")),
    "stages of the team's own": (
        "policy.yaml",
        _many(b" k%s: {alias: a, native: false}\n", b"stages:\n"),
    ),
    "rules": (
        "policy.yaml",
        _fill(b"- {match: '*', stages: {Production: {soak: 1h}}}\n", b"models:\n"),
    ),
    "a glob of stars": (
        "policy.yaml",
        _fill(b"*a", b"models:\n- {stages: {Production: {soak: 1h}}, match: '", b"'}\n"),
    ),
    "overrides": ("policy.yaml", _fill(b"soak,", b"overrides: [", b"soak]\n")),
    "metrics": (
        "policy.yaml",
        _many(b"    k%s: {min: 1}\n", b"stages:\n Production:\n  require:\n   metrics:\n"),
    ),
    "UTF-16": ("models/m.yaml", "name: m\nstages: {}\n".encode("utf-16")),
    "UTF-16 without a mark": ("models/m.yaml", "name: m\nstages: {}\n".encode("utf-16-be")),
    "UTF-32": ("models/m.yaml", "name: m\nstages: {}\n".encode("utf-32")),
    "UTF-7": ("models/m.yaml", b"name: m\nstages: {}\ndescription: +ADw-script+AD4-\n"),
    "a ZIP's first bytes": ("models/m.yaml", b"PK\x03\x04" + bytes(range(256)) * 64),
    "a pickle": (
        "models/m.yaml",
        b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93.",
    ),
    "a gigabyte with holes": ("models/m.yaml", b""),
}
"""Files of up to the largest size that is read, each made to cost time or memory."""
