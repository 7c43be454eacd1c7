"""A second forge, for tests: changes, reviews, statuses, comments and issues of a bare repository,
kept in a JSON file beside it. It shows that a forge is one folder that implements
`mlflow_gitops.edges.forge`, and one line in the table of `mlflow_gitops.app.forges`."""

from tests.support.local_forge.forge import LocalForge
from tests.support.local_forge.provider import LocalForgeProvider
from tests.support.local_forge.store import Store

__all__ = ["LocalForge", "LocalForgeProvider", "Store"]
