"""The good and bad manifests and policies in tests/core/examples/."""

from __future__ import annotations

from pathlib import Path

from mlflow_gitops.core.manifests.registry_folder import RegistryFolder
from mlflow_gitops.core.manifests.snapshot import Snapshot, SourceFile, build

EXAMPLES = Path(__file__).parents[2] / "core/examples"
GOOD = sorted(EXAMPLES.glob("good/*/*.yaml"))
BAD = sorted(EXAMPLES.glob("bad/*/*.yaml"))


def check_example(example: Path) -> Snapshot:
    """A registry folder with that one manifest under the examples' policy, or with that policy
    alone."""
    data = example.read_bytes()
    if example.parent.name == "policies":
        return build([SourceFile("registry/policy.yaml", data)], RegistryFolder("registry"))
    policy = SourceFile("registry/policy.yaml", (EXAMPLES / "policy.yaml").read_bytes())
    return build(
        [policy, SourceFile(f"registry/models/{example.name}", data)], RegistryFolder("registry")
    )


def example_name(example: Path) -> str:
    return f"{example.parent.name}/{example.stem}"
