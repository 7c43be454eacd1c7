"""The registry folder of a repository: where its files lie, and what each of them is."""

from __future__ import annotations

from typing import Literal, NamedTuple

from mlflow_gitops.core.manifests.names import file_stem

ENVIRONMENTS = "environments.yaml"
"""The list of environments of a repository that has several. It lies in the folder that holds the
registry folder of each environment."""
NOTIFY = "notify.yaml"
"""The file beside it that says who is notified of what."""
ALLOWED_SIGNERS = "allowed_signers"
"""The file beside it whose SSH keys may sign receipts, in the format of ssh-keygen(1)."""

MODEL_SIGNATURES = "model_signatures"
"""The folder in it with the signatures of versions' files."""

FileKind = Literal["manifest", "policy", "extension", "misplaced"]
"""What a file is. `extension` is a YAML file with the wrong ending, or a policy in other letters
(`Policy.yaml`), `misplaced` one outside `models/`; both are reported and not read."""


class RegistryFolder(NamedTuple):
    """A registry folder: its path in the repository, and the policy that applies to it.

    It can be used as a path (`top / folder`, an argument of a process) and in a text.
    """

    path: str
    shared_policy: str | None = None
    """The path of the policy if several folders share one; otherwise it is `policy.yaml` in this
    folder."""

    def __str__(self) -> str:
        return self.path

    def __fspath__(self) -> str:
        return self.path

    @property
    def policy_path(self) -> str:
        """The path of the policy in the repository."""
        return self.shared_policy or f"{self.path}/policy.yaml"

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that git must be given to cover everything that belongs to this folder."""
        return (self.path, *self.paths_outside)

    @property
    def paths_outside(self) -> tuple[str, ...]:
        """The files that belong to this folder and lie outside it: a shared policy, or none."""
        policy = self.policy_path
        return () if policy.startswith(f"{self.path}/") else (policy,)

    def signature_path(self, model: str, version: int) -> str:
        """The path of the signature of a version's files."""
        return f"{self.path}/{MODEL_SIGNATURES}/{file_stem(model)}/{version}.sig"

    def classify(self, path: str) -> FileKind | None:
        """What a file of the repository is for this folder. None if the file is not read: a README,
        or a file outside the folder that is not its shared policy."""
        if not path.startswith(f"{self.path}/"):
            return "policy" if path == self.policy_path else None

        inner = path[len(self.path) + 1 :]
        if inner.startswith("models/") and inner.endswith(".yaml") and inner[-6] != "/":
            return "manifest"  # as nearly all are, of which there may be ten thousands
        if inner in (ENVIRONMENTS, NOTIFY):
            return None  # core/manifests/environments.py and core/notifying/settings.py read them

        stem, dot, ending = inner.rpartition("/")[2].rpartition(".")
        if not stem or not dot or ending.lower() not in ("yaml", "yml"):
            return None
        is_in_models = inner.startswith("models/")
        if ending != "yaml":
            return "extension" if is_in_models or stem.lower() == "policy" else "misplaced"
        if is_in_models:
            return "manifest"
        if path == self.policy_path:
            return "policy"
        return "extension" if path.lower() == self.policy_path.lower() else "misplaced"

    def is_relevant(self, path: str, *, is_link: bool = False) -> bool:
        """Whether a file must be read. Every symbolic link at or below `models/` is relevant,
        because it could hide a folder of manifests."""
        if self.classify(path) is not None:
            return True
        return is_link and f"{path}/".startswith(f"{self.path}/models/")


def stem_of(path: str) -> str:
    """The stem of a manifest's file name. It identifies the model in the git history. A file with
    the wrong ending has the stem that its manifest would have."""
    name = path.rpartition("/")[2]
    if name.endswith(".yaml"):
        return name[:-5]
    stem, _, ending = name.rpartition(".")
    return stem if stem and ending.lower() in ("yaml", "yml") else name
