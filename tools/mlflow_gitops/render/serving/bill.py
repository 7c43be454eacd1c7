"""A version's bill of materials as CycloneDX 1.6 (ML-BOM), through the library of the extra `bom`.

The same content gives the same bytes: there is no time of writing, and the serial number is made of
the content.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

from mlflow_gitops.core.recorded.bill import Bill
from mlflow_gitops.core.recorded.values import Dataset
from mlflow_gitops.core.secrets import is_secret_metric
from mlflow_gitops.errors import Failure
from mlflow_gitops.installation import install_command

_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*\Z")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\Z")
_PREFIX = "mlflow-gitops:"
_NO_DATASET = Dataset("", "")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/")


def cyclonedx(bill: Bill) -> str:
    """The document, which ends with a newline. Raises Failure if the extra is not installed."""
    try:
        from cyclonedx.model.bom import Bom
        from cyclonedx.output.json import JsonV1Dot6
    except ImportError:
        command = install_command("bom")
        message = f"Nothing was written: a bill of materials needs the extra bom: {command}."
        raise Failure(message) from None

    model = _model(bill)
    parts = [*_files(bill), *_data(bill), *_libraries(bill)]
    bom = Bom(components=parts, serial_number=uuid.UUID(int=0))
    bom.metadata.component = model
    bom.register_dependency(model, parts)

    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp")
    if bill.created is not None:
        document["metadata"]["timestamp"] = bill.created
    # The library has no model cards (11.12), which the standard has metrics in.
    card = _model_card(bill)
    if card:
        document["metadata"]["component"]["modelCard"] = card
    content = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, content)}"
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _model(bill: Bill) -> Any:
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.component import Component, ComponentType

    licences = [LicenseFactory().make_from_string(bill.licence)] if bill.licence else []
    facts = {
        "digest": bill.digest,
        "run_id": bill.run_id,
        "model_id": bill.model_id,
        "source": bill.source,
        "code_commit": bill.code_commit,
        "python": bill.python,
    }
    return Component(
        name=bill.model,
        version=str(bill.version),
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{bill.model}:{bill.version}",
        licenses=licences,
        properties=_properties(facts),
    )


def _properties(facts: dict[str, str | None]) -> list[Any]:
    from cyclonedx.model import Property

    return [
        Property(name=f"{_PREFIX}{name}", value=value)
        for name, value in facts.items()
        if value is not None
    ]


def _files(bill: Bill) -> Iterator[Any]:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    for file in bill.files.files if bill.files is not None else ():
        yield Component(
            name=file.path,
            type=ComponentType.FILE,
            bom_ref=f"file:{file.path}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
        )


def _data(bill: Bill) -> Iterator[Any]:
    """DVC files with their MD5, and datasets with the digest that MLflow computes, which is no hash
    of a file."""
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    for path, md5 in sorted(bill.data.items()):
        is_hash = _MD5.match(md5) is not None
        yield Component(
            name=path,
            type=ComponentType.DATA,
            bom_ref=f"data:{path}",
            hashes=[HashType(alg=HashAlgorithm.MD5, content=md5)] if is_hash else [],
            properties=_properties({"dvc": None if is_hash else md5}),
        )
    for dataset in sorted(set(bill.datasets)):
        yield Component(
            name=dataset.name,
            version=dataset.digest,
            type=ComponentType.DATA,
            bom_ref=f"dataset:{dataset.name}:{dataset.digest}",
        )


def _libraries(bill: Bill) -> Iterator[Any]:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    for name, text in sorted(bill.libraries.items()):
        is_exact = _VERSION.match(text) is not None and text.lower() != name
        version = text if is_exact else None
        yield Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref=f"library:{name}",
            purl=PackageURL("pypi", name=name, version=version) if _NAME.match(name) else None,
            properties=_properties({"requirement": None if is_exact else text}),
        )


def _model_card(bill: Bill) -> dict[str, Any]:
    """Metrics, and the data that the model was trained on."""
    metrics = [
        {
            "type": key,
            "value": "***" if is_secret_metric(key) else str(metric.value),
            **({"slice": metric.dataset.digest} if metric.dataset else {}),
        }
        for key, values in sorted(bill.metrics.items())
        for metric in sorted(values, key=lambda value: value.dataset or _NO_DATASET)
    ]
    references = [f"data:{path}" for path in sorted(bill.data)]
    references += [f"dataset:{data.name}:{data.digest}" for data in sorted(set(bill.datasets))]
    card: dict[str, Any] = {}
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    if references:
        card["modelParameters"] = {"datasets": [{"ref": reference} for reference in references]}
    return card
