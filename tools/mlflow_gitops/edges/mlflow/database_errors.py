"""What the database of an MLflow server refuses, as a diagnosis of the exception that its client
raises: None if it does not apply."""

from __future__ import annotations

from mlflow_gitops.edges.mlflow.symptoms import Symptoms
from mlflow_gitops.errors import RegistryFailure

CANNOT_STORE = "mlflow_cannot_store"
"""The code of a failure if the character set of the server's database lacks letters of a text."""

NAME_TAKEN = "mlflow_name_taken"
"""The code of a failure if a model of that name cannot be made, because there is one."""


def name_is_taken(symptoms: Symptoms) -> RegistryFailure | None:
    """A server with permissions leaves out of its answers what the user may not read (MLflow's
    basic-auth app, 3.17), so a name can be taken by a model that was not listed."""
    creating = symptoms.call == "create_registered_model"
    if not creating or symptoms.error_code != "RESOURCE_ALREADY_EXISTS":
        return None
    return RegistryFailure(
        f"{symptoms.address} already has a model of that name: it was made just now, or it is"
        " hidden from these credentials, which then lack READ on it, or the collation of its"
        " database takes another model's name for this one.",
        transient=True,
        code=NAME_TAKEN,
    )


def cannot_store(symptoms: Symptoms) -> RegistryFailure | None:
    """MySQL and MariaDB, if the columns have another character set (error 1366)."""
    if not symptoms.has_text("Incorrect string value"):
        return None
    return RegistryFailure(
        f"the database of {symptoms.address} cannot store this text: the character set of its"
        " columns lacks some of the letters (Incorrect string value)",
        fix="write the text without them, or convert the database's tables to utf8mb4",
        code=CANNOT_STORE,
    )
