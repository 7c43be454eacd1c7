"""`validate` against the check-jsonschema command line, on the same files."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measure import Row, compare, process

MANIFESTS = 1_000
_BIN = Path(sys.executable).parent


def rows() -> list[Row]:
    """One file, and many, each as a whole process."""
    found = []
    for count, target in ((1, "≤ 0.60"), (MANIFESTS, "≤ 0.05")):
        with tempfile.TemporaryDirectory() as folder:
            models = Path(folder) / "registry" / "models"
            models.mkdir(parents=True)
            for i in range(count):
                (models / f"model-{i:05}.yaml").write_text(manifest(i))
            schema = Path(__file__).parents[2] / "schemas" / "model.schema.json"
            files = sorted(str(file) for file in models.iterdir())
            found.append(
                compare(
                    f"validate, {count:,} manifests of 30 lines",
                    process(str(_BIN / "mlflow-gitops"), "--repo", folder, "validate"),
                    "check-jsonschema",
                    process(str(_BIN / "check-jsonschema"), "--schemafile", str(schema), *files),
                    target,
                    runs=5 if count == 1 else 3,
                )
            )
    return found


def manifest(i: int) -> str:
    pins = "".join(
        f"  {v}:\n    run_id: f{i:023x}{v:08x}\n    source: models:/m-f{i:023x}{v:08x}\n"
        f'    tags: {{validation: passed, batch: "{v}"}}\n'
        for v in range(1, 5)
    )
    return f"""\
# Owned by the team below; ask there first.
name: model-{i:05}
description: >-
  Scores what comes in for what it may be,
  once an hour, and once more at night.
owners: ["@your-org/team-{i % 7}"]
tags:
  task: classification
  tier: "{i % 3}"
stages:
  Production: 3
  Staging: 4
aliases:
  champion: 3
versions:
{pins}"""
