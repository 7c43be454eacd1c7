"""A SQLite registry that is filled and changed by hand, beside git."""

from __future__ import annotations


class ManualRegistry:
    """A SQLite registry as people leave it."""

    def __init__(self, uri: str) -> None:
        from mlflow import MlflowClient

        self.uri = uri
        self.client = MlflowClient(uri)

    def model(self, name: str, versions: int = 1, **tags: str) -> str:
        self.client.create_registered_model(name, tags=tags)
        self.add(name, versions)
        return name

    def add(self, name: str, versions: int = 1, run: str | None = "run") -> None:
        for number in range(versions):
            run_id = f"{run}{number}" if run else None
            self.client.create_model_version(
                name, f"s3://models/{name}/{number}", run_id, await_creation_for=0
            )

    def stage(self, name: str, version: int, stage: str) -> None:
        self.client.transition_model_version_stage(name, str(version), stage)

    def stages(self, name: str) -> dict[int, str]:
        """Each version's stage, of versions that have one."""
        found = self.client.search_model_versions(f"name = '{name}'")
        return {int(v.version): str(v.current_stage) for v in found if v.current_stage != "None"}

    def aliases(self, name: str) -> dict[str, int]:
        return {
            alias: int(v) for alias, v in self.client.get_registered_model(name).aliases.items()
        }

    def names(self) -> set[str]:
        return {model.name for model in self.client.search_registered_models()}

    def alias(self, name: str, alias: str, version: int) -> None:
        self.client.set_registered_model_alias(name, alias, str(version))
