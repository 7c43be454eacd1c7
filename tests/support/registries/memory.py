"""A registry in memory that behaves as MLflow's SQL store does, for tests of thousands of cases.

`tests/edges/mlflow/test_registry.py` runs the same operations against it and against a real MLflow
and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from mlflow_gitops.core.observed.model import ObservedModel, ObservedVersion
from mlflow_gitops.errors import RegistryFailure


@dataclass
class MemoryRegistry:
    """Models by name; `written` is called after every write, `deleted` remembers numbers that are
    never given again."""

    models: dict[str, ObservedModel] = field(default_factory=dict)
    written: Callable[[], None] = lambda: None
    writes: list[str] = field(default_factory=list)
    deleted: dict[str, int] = field(default_factory=dict)

    def read(self, name: str) -> ObservedModel | None:
        return self.models.get(name)

    def create_model(self, name: str) -> None:
        if name in self.models:
            raise RegistryFailure(f"{name} exists")
        self._put(ObservedModel(name), f"create_model {name}")

    def register(
        self,
        name: str,
        source: str,
        run_id: str | None,
        model_id: str | None,
        tags: Mapping[str, str],
    ) -> int:
        model = self._model(name)
        number = max([*model.versions, self.deleted.get(name, 0)], default=0) + 1
        version = ObservedVersion(
            number, tags=dict(tags), run_id=run_id, source=source, model_id=model_id
        )
        self._put(
            replace(model, versions={**model.versions, number: version}),
            f"register {name} {number}",
        )
        return number

    def delete_version(self, name: str, version: int) -> None:
        model = self._model(name)
        self._version(name, version)
        self.deleted[name] = max(self.deleted.get(name, 0), version)
        versions = {number: value for number, value in model.versions.items() if number != version}
        aliases = {alias: number for alias, number in model.aliases.items() if number != version}
        self._put(
            replace(model, versions=versions, aliases=aliases), f"delete_version {name} {version}"
        )

    def transition(self, name: str, version: int, stage: str) -> None:
        self._put_version(
            name,
            replace(self._version(name, version), stage=stage),
            f"transition {version} {stage}",
        )

    def set_alias(self, name: str, alias: str, version: int) -> None:
        self._version(name, version)
        model = self._model(name)
        self._put(
            replace(model, aliases={**model.aliases, alias: version}),
            f"set_alias {alias} {version}",
        )

    def delete_alias(self, name: str, alias: str) -> None:
        model = self._model(name)
        aliases = {key: value for key, value in model.aliases.items() if key != alias}
        self._put(replace(model, aliases=aliases), f"delete_alias {alias}")

    def set_tag(self, name: str, version: int | None, key: str, value: str) -> None:
        write = f"set_tag {version} {key} {value}"
        if version is None:
            model = self._model(name)
            self._put(replace(model, tags={**model.tags, key: value}), write)
        else:
            found = self._version(name, version)
            self._put_version(name, replace(found, tags={**found.tags, key: value}), write)

    def delete_tag(self, name: str, version: int | None, key: str) -> None:
        write = f"delete_tag {version} {key}"
        if version is None:
            model = self._model(name)
            self._put(replace(model, tags={k: v for k, v in model.tags.items() if k != key}), write)
        else:
            found = self._version(name, version)
            self._put_version(
                name, replace(found, tags={k: v for k, v in found.tags.items() if k != key}), write
            )

    def set_description(self, name: str, version: int | None, text: str) -> None:
        write = f"set_description {version} {text}"
        if version is None:
            self._put(replace(self._model(name), description=text), write)
        else:
            self._put_version(name, replace(self._version(name, version), description=text), write)

    def _model(self, name: str) -> ObservedModel:
        if name not in self.models:
            raise RegistryFailure(f"no model {name}")
        return self.models[name]

    def _version(self, name: str, version: int) -> ObservedVersion:
        versions = self._model(name).versions
        if version not in versions:
            raise RegistryFailure(f"no version {version} of {name}")
        return versions[version]

    def _put_version(self, name: str, version: ObservedVersion, write: str) -> None:
        model = self._model(name)
        self._put(replace(model, versions={**model.versions, version.number: version}), write)

    def _put(self, model: ObservedModel, write: str) -> None:
        self.models[model.name] = model
        self.writes.append(write)
        self.written()
