"""`validate` compared with check-jsonschema on the same files, each as a whole process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.corpora import write_manifests
from tests.benchmarks.measure import Row, Work, anchor_program, compare, process, program
from tests.benchmarks.sizes import Sizes

_SCHEMA = Path(__file__).parents[2] / "schemas" / "model.schema.json"


def rows(sizes: Sizes) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        one, many = Path(first), Path(second)
        one_file, many_files = write_manifests(one, 1), write_manifests(many, sizes.manifests)
        yield compare(
            "`validate`, one manifest",
            _ours(one), "check-jsonschema", _theirs(one_file), 0.4, sizes.runs,
        )  # fmt: skip
        yield compare(
            f"`validate`, {sizes.manifests:,} manifests of 24 to 33 lines",
            _ours(many), "check-jsonschema", _theirs(many_files), 0.05, sizes.runs,
        )  # fmt: skip
        middle = many_files[len(many_files) // 2]
        yield compare(
            f"`validate PATH`, one of {sizes.manifests:,} manifests",
            _ours(many, str(middle)), "check-jsonschema", _theirs([middle]), 0.6, sizes.runs,
        )  # fmt: skip
        for file in many_files[:5]:
            file.write_text(file.read_text().replace("Production: 3", "Production: 2"))
        yield compare(
            f"`validate --changed-since`, 5 of {sizes.manifests:,} changed",
            _ours(many, "--changed-since", "HEAD"), "`validate`, one manifest", _ours(one), 1.5,
            sizes.runs,
        )  # fmt: skip


def _ours(folder: Path, *options: str) -> Work:
    return process(program("mlflow-gitops"), "--repo", str(folder), "validate", *options)


def _theirs(files: list[Path]) -> Work:
    return process(
        anchor_program("check-jsonschema"), "--schemafile", str(_SCHEMA), *map(str, files)
    )
