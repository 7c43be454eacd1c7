"""The manifests of the loop fit Kubernetes' schemas, the container they run, and the loop that
answers their probes."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mlflow_gitops.edges.system.metrics.loop import Metrics, serve

DEPLOY = Path(__file__).parent.parent.parent / "tools" / "deploy"
MANIFESTS = DEPLOY / "kubernetes"
ENVIRONMENTS = ("staging", "prod")
SCHEMAS = json.loads((Path(__file__).parent / "kubernetes-schemas.json").read_text())
KINDS = {
    "Deployment": "apps.v1.Deployment",
    "Service": "core.v1.Service",
    "ServiceAccount": "core.v1.ServiceAccount",
    "ConfigMap": "core.v1.ConfigMap",
    "NetworkPolicy": "networking.v1.NetworkPolicy",
}
needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is missing, which has kustomize in it"
)


def base() -> Iterator[dict[str, Any]]:
    """The documents of the base."""
    listed = yaml.safe_load((MANIFESTS / "base/kustomization.yaml").read_text("utf-8"))
    for file in listed["resources"]:
        yield from yaml.safe_load_all((MANIFESTS / "base" / file).read_text("utf-8"))


def built(environment: str) -> list[dict[str, Any]]:
    """What `kubectl apply -k` would send."""
    ran = subprocess.run(
        ["kubectl", "kustomize", str(MANIFESTS / environment)], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return list(yaml.safe_load_all(ran.stdout))


def errors(document: dict[str, Any]) -> list[str]:
    schema = {**SCHEMAS, "$ref": f"#/definitions/{KINDS[document['kind']]}"}
    validator = jsonschema.Draft7Validator(schema)
    return [error.message for error in validator.iter_errors(document)]


def of_kind(documents: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(document for document in documents if document["kind"] == kind)


def container() -> dict[str, Any]:
    [found] = of_kind(list(base()), "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_the_base_fits_the_schemas() -> None:
    documents = list(base())
    assert sorted(document["kind"] for document in documents) == sorted(KINDS)
    assert {document["kind"]: errors(document) for document in documents} == {
        kind: [] for kind in KINDS
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_schemas_refuse_mistakes(kind: str) -> None:
    document = of_kind(list(base()), kind)
    for mistake in ({"metdata": {}}, {"metadata": []}, {"apiVersion": "v0"}):
        assert errors(copy.deepcopy(document) | mistake), mistake


def test_a_pod_may_do_little() -> None:
    spec = of_kind(list(base()), "Deployment")["spec"]
    pod = spec["template"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert not pod["automountServiceAccountToken"] and pod["securityContext"]["runAsNonRoot"]
    rights = container()["securityContext"]
    assert rights["readOnlyRootFilesystem"] and not rights["allowPrivilegeEscalation"]
    assert rights["capabilities"] == {"drop": ["ALL"]}
    written = {
        mount["mountPath"] for mount in container()["volumeMounts"] if "readOnly" not in mount
    }
    assert written == {"/home/watcher", "/tmp"}
    assert {"limits", "requests"} == container()["resources"].keys()


def test_it_runs_the_container_of_the_containerfile() -> None:
    """Its command is that of the image, so its port, user and folder are, too."""
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    pod = of_kind(list(base()), "Deployment")["spec"]["template"]
    assert "command" not in container() and "args" not in container()
    [port] = container()["ports"]
    assert re.findall(r"EXPOSE (\d+)", text) == [str(port["containerPort"])]
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(port["containerPort"])
    assert re.findall(r"--uid (\d+)", text) == [str(pod["spec"]["securityContext"]["runAsUser"])]
    assert re.findall(r"WORKDIR (\S+)", text)[-1] == "/home/watcher"
    environment = {variable["name"]: variable.get("value") for variable in container()["env"]}
    assert environment["HOME"] == "/home/watcher"


def test_probes_ask_what_the_loop_answers() -> None:
    probes = {name: probe["httpGet"] for name, probe in container().items() if "Probe" in name}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/metrics",
        "readinessProbe": "/metrics",
        "livenessProbe": "/healthz",
    }
    with serve(Metrics(60), "127.0.0.1", 0) as server:
        try:
            for probe in probes.values():
                address = f"http://127.0.0.1:{server.server_port}{probe['path']}"
                assert urllib.request.urlopen(address, timeout=60).status == 200
        finally:
            server.shutdown()


def test_prometheus_finds_the_pods_as_the_job_of_the_alerts() -> None:
    [job] = yaml.safe_load((MANIFESTS / "scrape.yml").read_text("utf-8"))["scrape_configs"]
    alerts = (DEPLOY / "alerts.yaml").read_text("utf-8")
    [pattern] = set(re.findall(r'job=~"([^"]+)"', alerts))
    assert re.fullmatch(pattern, job["job_name"])
    by_label, by_port, _ = job["relabel_configs"]
    labels = of_kind(list(base()), "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/name": by_label["regex"]}
    assert [port["name"] for port in container()["ports"]] == [by_port["regex"]]


def test_git_reads_the_token_from_the_secret(tmp_path: Path) -> None:
    """A token with every odd character that a shell knows; without the file, git has none."""
    text: str = of_kind(list(base()), "ConfigMap")["data"]["gitconfig"]
    assert text.count("/run/secrets/git/token") == 1
    (tmp_path / "gitconfig").write_text(
        text.replace("/run/secrets/git/token", str(tmp_path / "token"))
    )
    (tmp_path / "token").write_text("a'b\"$(id)`c`\\d%s\\n\n")
    settings = {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"), "GIT_CONFIG_SYSTEM": os.devnull}
    ran = subprocess.run(
        ["git", "credential", "fill"],
        input="protocol=https\nhost=github.com\n\n",
        env=os.environ | settings | {"GIT_TERMINAL_PROMPT": "0"},
        capture_output=True,
        text=True,
    )
    assert "username=x-access-token\n" in ran.stdout, ran.stderr
    assert "password=a'b\"$(id)`c`\\d%s\\n\n" in ran.stdout


@needs_kubectl
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_fits_the_schemas(environment: str) -> None:
    documents = built(environment)
    assert [error for document in documents for error in errors(document)] == []
    deployment = of_kind(documents, "Deployment")
    pod = deployment["spec"]["template"]
    [settings] = [
        document["data"]
        for document in documents
        if document["kind"] == "ConfigMap" and "REPOSITORY" in document["data"]
    ]
    assert settings["MLFLOW_GITOPS_ENV"] == environment
    assert pod["spec"]["containers"][0]["envFrom"][1] == {
        "secretRef": {"name": f"credentials-{environment}"}
    }
    names = {document["metadata"]["name"] for document in documents}
    for volume in pod["spec"]["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["secretName"] == f"git-token-{environment}"
        if "configMap" in volume:
            assert volume["configMap"]["name"] in names
    assert pod["spec"]["serviceAccountName"] in names


@needs_kubectl
def test_environments_share_nothing() -> None:
    """Neither a name nor a selector: a Service, a policy or a Deployment of one would else reach
    the pods of another."""
    staging, prod = (built(environment) for environment in ENVIRONMENTS)
    names = [
        {(d["kind"], d["metadata"]["name"]) for d in documents} for documents in (staging, prod)
    ]
    assert not names[0] & names[1]
    for documents, environment in ((staging, "staging"), (prod, "prod")):
        selectors = [
            of_kind(documents, "Deployment")["spec"]["selector"]["matchLabels"],
            of_kind(documents, "Service")["spec"]["selector"],
            of_kind(documents, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        ]
        labels = of_kind(documents, "Deployment")["spec"]["template"]["metadata"]["labels"]
        assert all(selector == labels for selector in selectors)
        assert labels["environment"] == environment
