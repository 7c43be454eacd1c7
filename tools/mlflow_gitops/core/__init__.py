"""The core: manifests, policy, snapshot, observed state, plan, as values and pure functions on
them.

It imports neither mlflow, git, typer nor the network (import-linter checks it)."""
