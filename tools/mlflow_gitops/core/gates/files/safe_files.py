"""`safe_files: true`: nothing that loads the version unpickles anything or runs code beside it.

Nothing is loaded here. The names of the files decide, and what `MLmodel` says about its flavors.
Both are lists of what is known to be safe, so that a format nobody thought of fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from mlflow_gitops.core.gates.files.safe_flavors import find_unsafe_flavors
from mlflow_gitops.core.gates.gate import Facts, Finding, Gate, failed, passed, required

if TYPE_CHECKING:
    from mlflow_gitops.core.gates.subject import Subject

_SAFE_SUFFIXES = (
    # models
    ".skops",
    ".onnx",
    ".onnx_data",
    ".onnx.data",
    ".safetensors",
    ".xgb",
    ".ubj",
    ".lgb",
    ".cb",
    ".cbm",
    ".pr",
    # text
    ".json",
    ".jsonl",
    ".txt",
    ".md",
    ".yaml",
    ".yml",
    ".csv",
    ".jinja",
)
_SAFE_NAMES = frozenset(
    {
        "license",
        "notice",
        "readme",
        # SentencePiece, as transformers names it
        "tokenizer.model",
        "spiece.model",
        "sentencepiece.bpe.model",
    }
)
_MODEL_FILE = "MLmodel"

_REASONS: Mapping[str, tuple[str, ...]] = {
    "is a pickle": (".pkl", ".pickle", ".p", ".pck", ".cloudpickle", ".dill", ".joblib", ".jbl"),
    "is a pickle inside": (".pt", ".pth", ".pt2", ".bin", ".ckpt", ".ptl", ".mar", ".statsmodels"),
    "may hold pickled objects": (".npy", ".npz"),
    "may hold code in its layers": (".h5", ".hdf5", ".keras"),
    "is code, which may load anything": (".py", ".pyc", ".pyd", ".pyx", ".so", ".dll"),
    "is an archive, in which anything may be": (
        ".zip",
        ".tar",
        ".gz",
        ".tgz",
        ".bz2",
        ".xz",
        ".7z",
        ".whl",
        ".egg",
        ".jar",
    ),
}
"""Why well-known names fail. A name in neither list fails, too."""

_MOST_NAMED = 5


def read(rule: Mapping[str, Any]) -> Literal[True] | None:
    """Whether the rule asks for safe files."""
    return True if required(rule, "safe_files") else None


def ask(subject: Subject, settings: Literal[True]) -> Finding:
    """Every file and every flavor must be known to be safe."""
    model_file = subject.read_file(subject.version)
    paths = subject.file_paths(subject.version)
    if model_file is None or not paths:
        return failed(
            f"how {subject.number} is stored is unknown: it has no file MLmodel; log it with MLflow"
        )
    flaws = [*find_unsafe_flavors(model_file.flavors), *find_unsafe_files(paths)]
    facts: Facts = {"files": len(paths), "flavors": ", ".join(sorted(model_file.flavors))}
    if not flaws:
        return passed(f"no pickle among {len(paths)} files", facts)

    flaw_list, more = "; ".join(flaws[:_MOST_NAMED]), len(flaws) - _MOST_NAMED
    remark = f"; and {more} more" if more > 0 else ""
    return failed(f"{subject.number} is not known to be free of pickle: {flaw_list}{remark}", facts)


def find_unsafe_files(paths: Iterable[str]) -> Iterator[str]:
    """Each file whose name is not one of a safe format, with the reason."""
    for path in sorted(paths):
        name = path.rpartition("/")[2].lower()
        if path == _MODEL_FILE or name in _SAFE_NAMES or name.endswith(_SAFE_SUFFIXES):
            continue
        yield f"{path} {_reason(name)}"


def _reason(name: str) -> str:
    for reason, suffixes in _REASONS.items():
        if name.endswith(suffixes):
            return reason
    return "is of no format that is known to be safe"


GATE: Gate[Literal[True]] = Gate("safe_files", ask, read, judges_prompts=False)
