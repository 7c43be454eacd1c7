"""Signatures of models in git, and the keys that count for them (RULES R3).

A signature is a file of the repository, and no artifact beside the model: there it would change the
digest that it signs, and everybody who may write the files could replace it. In git it is reviewed,
has a history, and is there without MLflow.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from mlflow_gitops.app.workspace import Merge, Workspace
from mlflow_gitops.core.history.mainline import Commit, MainLine
from mlflow_gitops.core.recorded.signed_files import SignedFiles
from mlflow_gitops.core.recorded.values import Unreadable
from mlflow_gitops.edges.signing.checking import NotInstalled, check_signature, key_fault

_MOST_BYTES = 16 << 20
"""The largest signature that is read. It has some 150 bytes a file."""
_PLAIN_FILES = ("100644", "100755")


class GitSignatures:
    """The signatures and keys of one repository at the end of a line of commits."""

    def __init__(self, workspace: Workspace, line: MainLine, merge: Merge | None) -> None:
        self._workspace = workspace
        self._line = line
        self._merge = merge

    def check(
        self,
        names: Sequence[str],
        version: int,
        keys: str,
        commit: Commit | None,
        first: str | None,
    ) -> SignedFiles:
        """The files that the signature of a version lists. `names` is the model's name, and then
        the ones that it had before: a manifest may have moved without its signatures.

        A key of the folder `keys` counts if the main branch had it before the change that `commit`
        belongs to, and the target still has it. `first` is the first commit of that change;
        `commit` is None for a working tree. Raises Unreadable if the extra is not installed.
        """
        signature = self._signature(names, version, in_tree=commit is None)
        if signature is None:
            return self._missing(names[0], version)
        before = self._before(first or (commit.sha if commit else None))
        if before is None:
            return SignedFiles(fault=f"no commit before it has keys in {keys}/")
        counting = self._keys(before, keys).items() & self._keys(self._target, keys).items()
        return _checked(signature, dict(counting))

    def check_now(self, names: Sequence[str], version: int, keys: str) -> SignedFiles:
        """The files that the signature of a version lists, by the keys that the target has now.
        Raises Unreadable if the extra is not installed."""
        signature = self._signature(names, version, in_tree=False)
        if signature is None:
            return self._missing(names[0], version)
        return _checked(signature, self._keys(self._target, keys))

    def _missing(self, model: str, version: int) -> SignedFiles:
        path = self._workspace.registry.signature_path(model, version)
        command = shlex.join(["mlflow-gitops", "sign", model, str(version), "--key", "FILE"])
        return SignedFiles(fault=f"there is no {path}; {command}")

    @property
    def _target(self) -> str:
        return self._merge.commit if self._merge is not None else self._line.shas[-1]

    def _before(self, sha: str | None) -> str | None:
        """The newest commit before one that is on the main branch; None if there is none. The other
        commits of a branch are part of the change."""
        position = len(self._line.shas) if sha is None else self._line.index.get(sha, 0)
        for earlier in reversed(self._line.shas[:position]):
            if self._workspace.is_merged(earlier):
                return earlier
        return None

    def _signature(self, names: Sequence[str], version: int, *, in_tree: bool) -> bytes | None:
        """The signature under the newest of a model's names that has one."""
        for path in (self._workspace.registry.signature_path(name, version) for name in names):
            if in_tree:
                signature = self._workspace.checkout.read(path, _MOST_BYTES).data
            else:
                signature = self._files(self._target, path).get(path)
            if signature is not None:
                return signature
        return None

    def _keys(self, revision: str, folder: str) -> Mapping[str, bytes]:
        files = self._files(revision, f"{folder}/")
        return {path.rpartition("/")[2]: content for path, content in files.items()}

    def _files(self, revision: str, path: str) -> Mapping[str, bytes]:
        """The plain files at a path, or directly below a path that ends in a slash."""
        git, blobs = self._workspace.git, {}
        for entry in git.output("ls-tree", "-z", "--full-tree", revision, "--", path).split("\0"):
            columns, _, name = entry.partition("\t")
            if columns.startswith(_PLAIN_FILES):
                blobs[name] = columns.split()[2]
        contents = git.blobs(blobs.values(), _MOST_BYTES)
        return {name: contents[blob] for name, blob in blobs.items() if blob in contents}


def _checked(signature: bytes, keys: Mapping[str, bytes]) -> SignedFiles:
    sound = {name: key for name, key in keys.items() if key_fault(key) is None}
    try:
        return check_signature(signature, sound)
    except NotInstalled as reason:
        raise Unreadable(str(reason)) from None
