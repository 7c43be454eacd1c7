"""One request to MLflow's basic-auth app, and what its failure means."""

from __future__ import annotations

from typing import Any

from mlflow_gitops.edges.mlflow.server_errors import NOT_FOUND, explain
from mlflow_gitops.errors import RegistryFailure

_TIMEOUT = 30


class AuthServer:
    """The basic-auth app of one server, asked as the user whose credentials are set."""

    def __init__(self, uri: str, address: str) -> None:
        self._uri = uri
        self.address = address

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """The answer to a reading request. Raises RegistryFailure."""
        return self._send("GET", path, params=parameters)

    def send(self, method: str, path: str, **fields: str) -> dict[str, Any]:
        """The answer to a writing request. Raises RegistryFailure."""
        return self._send(method, path, json=fields)

    def _send(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        from mlflow.utils import credentials, rest_utils

        send: Any = rest_utils.http_request
        get_credentials: Any = credentials.get_default_host_creds
        try:
            answer = send(
                get_credentials(self._uri),
                f"/api/{path}",
                method,
                max_retries=0,
                timeout=_TIMEOUT,
                raise_on_status=False,
                **content,
            )
        except Exception as error:
            raise explain(error, self.address, over_http=True) from error
        return self._checked(answer)

    def _checked(self, answer: Any) -> dict[str, Any]:
        try:
            document = answer.json()
        except ValueError:
            document = None
        if answer.status_code == 200:
            return document if isinstance(document, dict) else {}
        if answer.status_code == 401:
            raise RegistryFailure(
                f"{self.address} does not accept these credentials (401).",
                fix="Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to those of an"
                " administrator of MLflow.",
            )
        if answer.status_code == 403:
            raise RegistryFailure(
                f"{self.address} shows and changes rights for administrators alone (403).",
                fix="Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to those of an"
                " administrator of MLflow.",
            )
        if isinstance(document, dict) and document.get("error_code") == "RESOURCE_DOES_NOT_EXIST":
            raise RegistryFailure(str(document.get("message", "")), code=NOT_FOUND)
        if answer.status_code in (404, 405):
            raise RegistryFailure(
                f"{self.address} keeps no rights that this program knows: it runs without MLflow's"
                " basic-auth app (mlflow server --app-name basic-auth).",
                fix="Grant rights where this server's accounts are kept.",
            )
        text = document.get("message") if isinstance(document, dict) else None
        raise RegistryFailure(
            f"{self.address} refuses this ({answer.status_code}): {text or 'no reason given'}."
        )
