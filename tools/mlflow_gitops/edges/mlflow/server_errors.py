"""What an exception from MLflow's client means: a RegistryFailure with a message for people and
facts for programs.

MLflow's client raises one class for almost everything, and reports a timeout and a refused
connection alike as INTERNAL_ERROR (3.17). So its texts, and those of `requests` below it, have to
be read to know what happened. That is done in this module alone: everything else decides by the
class, `transient` and `code` of the RegistryFailure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.request import getproxies

from mlflow_gitops.edges.mlflow.database_errors import cannot_store, name_is_taken
from mlflow_gitops.edges.mlflow.symptoms import Symptoms
from mlflow_gitops.edges.system.extras import fix_for_missing
from mlflow_gitops.edges.system.http_answers import TOO_LARGE
from mlflow_gitops.edges.system.redaction import without_credentials
from mlflow_gitops.errors import RegistryFailure

LOCKED = (
    "the SQLite database is locked by another process. Wait for it to finish, then run this again."
)

NOT_FOUND = "mlflow_not_found"
"""The code of a failure if MLflow has no such model, version, run or alias."""

NO_NAME_LISTS = "mlflow_no_name_lists"
"""The code of a failure if the server lacks the filter `name IN (…)`: MLflow before 3.17."""

REQUEST_TOO_LONG = "mlflow_request_too_long"
"""The code of a failure if a server or proxy may have refused a request for its length."""

ANSWER_TOO_LARGE = "mlflow_answer_too_large"
"""The code of a failure if the server sends more than is read (RULES R11)."""

CHECK_ADDRESS = "Is it running? Name the registry with --tracking-uri or MLFLOW_TRACKING_URI."
_CREDENTIALS = (
    "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
)
_TRY_LATER = "Try again in a while; nothing is lost, the next run continues from what MLflow holds."

_NEEDED_PERMISSION = {
    "delete_registered_model_alias": "MANAGE (EDIT is not enough to remove an alias)",
    "delete_model_version_tag": "MANAGE (EDIT is not enough to remove a version's tag)",
    "delete_model_version": "MANAGE (EDIT is not enough to delete a version)",
    "create_registered_model": "the right to create registered models",
    "search_registered_models": "READ",
    "search_model_versions": "READ",
    "get_registered_model": "READ",
    "get_run": "READ on the experiment",
}

_NO_TLS = (
    "wrong version number",
    "WRONG_VERSION_NUMBER",
    "record layer failure",
    "unknown protocol",
)
"""What OpenSSL says if the other side answers in plain text."""

_ALIAS_CALLS = ("set_registered_model_alias", "delete_registered_model_alias")
_TOO_LONG_STATUSES = (414, 431, 494)  # 494 is nginx's own
_TOO_LONG = re.compile(
    "request line is too large|ur[il] too (?:long|large)|header fields too large", re.IGNORECASE
)


def explain(
    error: BaseException, address: str, *, over_http: bool, call: str = ""
) -> RegistryFailure:
    """The failure that an exception from MLflow's client stands for. `address` is the server's name
    for people; `call` is the client's method that raised it, which decides what permission it
    needed."""
    symptoms = Symptoms.from_error(error, address, call)
    for diagnosis in _DIAGNOSES_OVER_HTTP if over_http else _DIAGNOSES_OF_A_STORE:
        failure = diagnosis(symptoms)
        if failure is not None:
            return failure

    return _in_its_own_words(symptoms)


# -- the diagnoses, each None if it does not apply ------------------------------------------------


def _answer_too_large(symptoms: Symptoms) -> RegistryFailure | None:
    """MLflow's client raises its own exceptions from ours, and its downloads quote ours."""
    described = TOO_LARGE.search(symptoms.text)
    if described is None:
        return None
    return RegistryFailure(f"{symptoms.address} {described[0]}.", code=ANSWER_TOO_LARGE)


def _package_is_missing(symptoms: Symptoms) -> RegistryFailure | None:
    """A driver of MLflow's needs a package. A server's error of that text is about its own."""
    if symptoms.missing_package is None:
        return None
    return RegistryFailure(
        f"{symptoms.address} needs the Python package {symptoms.missing_package}, which is not"
        " installed here.",
        fix=fix_for_missing(symptoms.missing_package),
    )


def _database_is_locked(symptoms: Symptoms) -> RegistryFailure | None:
    if not symptoms.has_text("database is locked"):
        return None
    return RegistryFailure(f"{symptoms.address}: {LOCKED}", transient=True)


def _not_found(symptoms: Symptoms) -> RegistryFailure | None:
    if symptoms.error_code != "RESOURCE_DOES_NOT_EXIST":
        return None
    return RegistryFailure(f"{symptoms.address}: {symptoms.first_line}", code=NOT_FOUND)


def _untrusted_certificate(symptoms: Symptoms) -> RegistryFailure | None:
    by_class = symptoms.has_class("SSLError", "SSLCertVerificationError")
    if not by_class and not symptoms.has_text("CERTIFICATE_VERIFY_FAILED"):
        return None
    if symptoms.has_text(*_NO_TLS):
        return RegistryFailure(
            f"{symptoms.address}: no TLS is spoken there ({symptoms.reason}).",
            fix="Write the address with http://, or name the port that takes https://.",
        )
    return RegistryFailure(
        f"{symptoms.address}: its TLS certificate is not trusted here ({symptoms.reason}).",
        fix="Name the authority's certificate in MLFLOW_TRACKING_SERVER_CERT_PATH.",
    )


def _timed_out(symptoms: Symptoms) -> RegistryFailure | None:
    by_class = symptoms.has_class_like("Timeout")
    if not by_class and not symptoms.has_text("timeout exception", "Read timed out"):
        return None
    return RegistryFailure(
        f"{symptoms.address} did not answer in time.", fix=_TRY_LATER, transient=True
    )


def _unknown_host(symptoms: Symptoms) -> RegistryFailure | None:
    if not symptoms.has_text(
        "NameResolutionError", "Name or service not known", "nodename nor servname"
    ):
        return None
    return RegistryFailure(f"{symptoms.address}: no host of that name is known.", fix=CHECK_ADDRESS)


def _dead_proxy(symptoms: Symptoms) -> RegistryFailure | None:
    """`requests` takes its proxy from the environment, as all of MLflow's client does."""
    by_text = symptoms.has_text(
        "ProxyError", "Unable to connect to proxy", "Cannot connect to proxy"
    )
    if not by_text and not symptoms.has_class("ProxyError"):
        return None
    scheme = symptoms.address.partition(":")[0]
    proxies = getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    proxy_name = f" {without_credentials(proxy)}" if proxy else ""
    return RegistryFailure(
        f"The HTTP proxy{proxy_name}, through which {symptoms.address} is asked, does not answer.",
        fix="Correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or name the server's host in NO_PROXY.",
    )


def _refused_connection(symptoms: Symptoms) -> RegistryFailure | None:
    if not symptoms.has_text("Connection refused"):
        return None
    return RegistryFailure(f"{symptoms.address} refuses connections.", fix=CHECK_ADDRESS)


def _bad_credentials(symptoms: Symptoms) -> RegistryFailure | None:
    if symptoms.status != 401:
        return None
    return RegistryFailure(
        f"{symptoms.address} does not accept these credentials (401).", fix=_CREDENTIALS
    )


def _forbidden(symptoms: Symptoms) -> RegistryFailure | None:
    if symptoms.status != 403:
        return None
    needed = _NEEDED_PERMISSION.get(symptoms.call, "EDIT on this model")
    return RegistryFailure(
        f"{symptoms.address} forbids this (403): these credentials lack {needed}.",
        fix="Ask MLflow's administrator for it.",
    )


def _request_too_long(symptoms: Symptoms) -> RegistryFailure | None:
    """gunicorn and uvicorn answer 400 to a long request line, which may mean something else too."""
    by_status = symptoms.status in _TOO_LONG_STATUSES
    if by_status or _TOO_LONG.search(symptoms.text):
        return RegistryFailure(
            f"{symptoms.address} refuses the request for its length.",
            fix="Let the server, and proxies before it, accept request lines of 8 KiB.",
            code=REQUEST_TOO_LONG,
        )
    if symptoms.status == 400:
        text = f"{symptoms.address} refuses the request (400): {symptoms.first_line}"
        return RegistryFailure(text, code=REQUEST_TOO_LONG)
    return None


def _rate_limited(symptoms: Symptoms) -> RegistryFailure | None:
    if symptoms.status != 429:
        return None
    return RegistryFailure(
        f"{symptoms.address} asks to slow down (429).", fix=_TRY_LATER, transient=True
    )


def _server_error(symptoms: Symptoms) -> RegistryFailure | None:
    if symptoms.status is None or symptoms.status < 500:
        return None
    return RegistryFailure(
        f"{symptoms.address} failed ({symptoms.status}): {symptoms.reason}.",
        fix=_TRY_LATER,
        transient=True,
    )


def _no_aliases(symptoms: Symptoms) -> RegistryFailure | None:
    """Servers before MLflow 2.3 have no such request and answer with a page."""
    if symptoms.status != 404 or symptoms.call not in _ALIAS_CALLS:
        return None
    return RegistryFailure(
        f"{symptoms.address} keeps no aliases (404): they came with MLflow 2.3.",
        fix="Upgrade the server, or take the aliases out of the policy's stages and the manifest.",
    )


def _not_mlflow(symptoms: Symptoms) -> RegistryFailure | None:
    by_text = symptoms.has_text("not in a valid JSON format") or "<html" in symptoms.text.lower()
    if not by_text and not symptoms.has_class("TooManyRedirects"):
        return None
    return RegistryFailure(
        f"{symptoms.address} answers with something that is not MLflow's, a login page perhaps.",
        fix=f"Check the address and the credentials. {_CREDENTIALS}",
    )


def _lost_connection(symptoms: Symptoms) -> RegistryFailure | None:
    if not symptoms.has_class_like("Connection") and not symptoms.has_text("Connection"):
        return None
    return RegistryFailure(
        f"The connection to {symptoms.address} broke: {symptoms.reason}.",
        fix=_TRY_LATER,
        transient=True,
    )


def _in_its_own_words(symptoms: Symptoms) -> RegistryFailure:
    no_lists = symptoms.has_text("supports comparison with a list")
    return RegistryFailure(
        f"{symptoms.address}: {symptoms.first_line}", code=NO_NAME_LISTS if no_lists else None
    )


_Diagnosis = Callable[[Symptoms], "RegistryFailure | None"]

_DIAGNOSES_OF_A_STORE: tuple[_Diagnosis, ...] = (
    _answer_too_large,
    _package_is_missing,
    name_is_taken,
    cannot_store,
    _database_is_locked,
    _not_found,
)

# The order matters: a broken connection is also what TLS errors, timeouts and refusals look like.
_DIAGNOSES_OVER_HTTP: tuple[_Diagnosis, ...] = (
    _answer_too_large,
    _package_is_missing,
    name_is_taken,
    cannot_store,
    _not_found,
    _untrusted_certificate,
    _dead_proxy,
    _timed_out,
    _unknown_host,
    _refused_connection,
    _bad_credentials,
    _forbidden,
    _request_too_long,
    _rate_limited,
    _server_error,
    _no_aliases,
    _not_mlflow,
    _lost_connection,
    _database_is_locked,
)
