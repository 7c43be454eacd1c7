"""Which flavors of an `MLmodel` load without pickle, by what MLflow's own loaders do (3.17).

A flavor is how MLflow loads a model. The loaders that are listed here read only the formats that
`safe_files.py` lists, under the conditions that are checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

Settings = Mapping[str, tuple[str, ...]]
"""The settings of one flavor: the texts of each key, one if it holds no list."""

_PYFUNC = "python_function"

_SAFE_TYPES = ("sklearn.", "lightgbm.", "xgboost.", "catboost.")
_SAFE_TYPE_NAMES = frozenset({"numpy.dtype", "collections.OrderedDict", "collections.defaultdict"})
"""The types that a skops file may build. `numpy.` as a whole has functions that run text."""


_PATH_KEYS = ("data", "model_path", "pickled_model", "model_file", "model_binary")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


def find_unsafe_flavors(flavors: Mapping[str, Settings]) -> Iterator[str]:
    """Each flavor that is not known to load without pickle, with the reason."""
    if not flavors:
        yield "its MLmodel names no flavor"
    for name, settings in sorted(flavors.items()):
        yield from _path_flaws(name, settings)
        if name == _PYFUNC:
            yield from _pyfunc_flaws(settings, flavors)
        elif name in _CHECKS:
            yield from _CHECKS[name](name, settings)
        else:
            yield f"the flavor {name} is not known to load without pickle"


def _path_flaws(name: str, settings: Settings) -> Iterator[str]:
    """A loader reads the `MLmodel` beside the file that it loads, and takes pickle if there is
    none: the file must be beside the one that was looked at."""
    if "<<" in settings:
        yield f"{name} has settings that YAML merges into it"
    for key in _PATH_KEYS:
        for path in settings.get(key, ()):
            if not _PLAIN_NAME.match(path):
                yield f"{key} of {name} leads to another folder, {path}"


def _pyfunc_flaws(settings: Settings, flavors: Mapping[str, Settings]) -> Iterator[str]:
    for key in ("python_model", "model_code_path", "code"):
        if settings.get(key):
            yield f"{_PYFUNC} has {key}: Python code or a pickle of it"
    module = " ".join(settings.get("loader_module", ()))
    loader = module.removeprefix("mlflow.")
    # MLflow reads the loader's settings from that flavor, and takes pickle where it is missing.
    if module == loader or loader not in _CHECKS or loader not in flavors:
        yield f"{_PYFUNC} is loaded by {module or 'nothing'}, which may load anything"


def _no_flaws(name: str, settings: Settings) -> Iterator[str]:
    return iter(())


def _named_class_flaws(name: str, settings: Settings) -> Iterator[str]:
    """sentence-transformers loads by any class that `modules.json` names (before 6.0, also outside
    of its own package): with joblib's `load`, a file of any name is a pickle."""
    yield f"{name} loads the classes that its file modules.json names, which is not read here"


def _skops_flaws(name: str, settings: Settings) -> Iterator[str]:
    """`serialization_format` is pickle or cloudpickle where it is missing."""
    stored = " ".join(settings.get("serialization_format", ("pickle",)))
    if stored != "skops":
        yield f"{name} is stored as {stored}"
    for trusted in settings.get("skops_trusted_types", ()):
        if not (trusted.startswith(_SAFE_TYPES) or trusted in _SAFE_TYPE_NAMES):
            yield f"{name} trusts the type {trusted} in its skops file, whose code is not known"


def _lightgbm_flaws(name: str, settings: Settings) -> Iterator[str]:
    if settings.get("model_class", ("lightgbm.basic.Booster",)) != ("lightgbm.basic.Booster",):
        yield from _skops_flaws(name, settings)


def _xgboost_flaws(name: str, settings: Settings) -> Iterator[str]:
    model_class = " ".join(settings.get("model_class", ("xgboost.core.Booster",)))
    if not model_class.startswith("xgboost."):
        yield f"{name} is of the class {model_class}, whose code is not known"


def _transformers_flaws(name: str, settings: Settings) -> Iterator[str]:
    # Even a key without a value makes MLflow load the weights from elsewhere.
    is_elsewhere = "source_model_revision" in settings or "model_local_base" in settings
    if is_elsewhere or not settings.get("model_binary"):
        yield f"the weights of {name} are not among its files"


_CHECKS: Mapping[str, Callable[[str, Settings], Iterator[str]]] = {
    "catboost": _no_flaws,
    "lightgbm": _lightgbm_flaws,
    "onnx": _no_flaws,
    "prophet": _no_flaws,
    "sentence_transformers": _named_class_flaws,
    "sklearn": _skops_flaws,
    "transformers": _transformers_flaws,
    "xgboost": _xgboost_flaws,
}
