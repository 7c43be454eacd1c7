"""Secrets that could leak, and text that could mislead its reader, as people would try it.
`.github/SECURITY.md` names the same leaks, and says what stops each."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mlflow_gitops.core.plan.fingerprint import Fingerprint
from mlflow_gitops.core.plan.plan import Change, ModelPlan, Plan, StageChange
from mlflow_gitops.core.secrets import is_secret_name
from mlflow_gitops.edges.git.receipts import limits
from mlflow_gitops.edges.github.actions import GitHubActions
from mlflow_gitops.edges.mlflow.server import Server
from mlflow_gitops.edges.system import plugins
from mlflow_gitops.edges.system.redaction import redact
from mlflow_gitops.gates import Finding
from mlflow_gitops.render.markdown_safe import code
from mlflow_gitops.render.plan import pull_request_comment
from mlflow_gitops.render.plan.drift import healed_drift
from tests.support.attacks.company import MODEL, Company
from tests.support.environments import Teams
from tests.support.receipts import add_receipt

ROOT = Path(__file__).parents[2]
SECRET = "s3cr3tPa55"
SOURCES = (
    f"s3://AKIAEXAMPLE:{SECRET}@bucket/m/1",
    f"https://acct.blob.core.windows.net/c/m/3?sv=2024&sig={SECRET}",
    f"https://{SECRET}@artifacts.example/m/2",
    f"s3://AKIAEXAMPLE%3A{SECRET}%40bucket/m/1",
    f"https://artifacts.example/m%3FX-Amz-Signature%3D{SECRET}",
    f"gs://bucket/m#access_token={SECRET}",
)


# -- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
def test_credentials_in_a_source(company: Company, source: str) -> None:
    """A version is registered from an address with a key in it."""
    company.client.create_model_version(MODEL, source, await_creation_for=0)
    manifest = company.team.folder / f"registry/models/{MODEL}.yaml"
    for command in (["promote", MODEL, "4", "Production"], ["pin", MODEL, "4"]):
        ran = company.team.run(*command)
        text = manifest.read_text(encoding="utf-8")
        assert "4" in text or command[0] == "pin"
        assert SECRET not in text + ran.out + ran.err
        assert "not pinned to its source" in ran.err
        company.team.git("checkout", "-q", ".")

    ran = company.team.run("import", "--all-versions")
    assert SECRET not in manifest.read_text(encoding="utf-8") + ran.out + ran.err
    ran = company.team.run("compare", MODEL, "1", "4", "--format", "json")
    assert ran.code == 0 and SECRET not in ran.out + ran.err

    company.write(1, f"versions: {{9: {{source: '{source}'}}}}\n")
    ran = company.team.run("validate", "--format", "json")
    assert ran.code == 3 and SECRET not in ran.out + ran.err
    assert [problem["code"] for problem in ran.json["errors"]] == ["source-credentials"]
    ran = company.team.run("pin", MODEL, "9", "--source", source)
    assert ran.code and SECRET not in ran.out + ran.err


@pytest.mark.parametrize("name", ["db_password", "apiKey", "auth.token", "AZURE_CLIENT_SECRET"])
def test_secret_in_a_param(company: Company, name: str) -> None:
    """A training logs its whole configuration, keys included."""
    experiment = company.client.create_experiment("training")
    for number, value in ((4, SECRET), (5, f"other-{SECRET}")):
        run = company.client.create_run(experiment)
        company.client.log_param(run.info.run_id, name, value)
        company.client.log_param(run.info.run_id, "max_tokens", str(number))
        source = f"dbfs:/models/{number}"
        company.client.create_model_version(MODEL, source, run.info.run_id, await_creation_for=0)
    for form in ("text", "json", "markdown"):
        ran = company.team.run("compare", MODEL, "4", "5", "--format", form)
        assert ran.code == 0 and SECRET not in ran.out and name in ran.out
        assert "another value" in ran.out, "it still shows that it changed"
        assert re.search("max_tokens.*4.*5", ran.out, re.DOTALL)


@pytest.mark.parametrize(
    "text",
    [
        f"cannot log in with {SECRET}",
        f"Authorization: Basic {base64.b64encode(f'ci:{SECRET}'.encode()).decode()}",
        f'{{"password": "{SECRET}"}}',
        f"https://ci:{SECRET}@host/x?sig=other",
    ],
)
def test_plug_in_that_prints_secrets(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate of another package raises an error, or finds something, with a secret in it."""
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", SECRET)

    def breaks(subject: object, settings: object) -> Finding:
        raise RuntimeError(text)

    for ask in (breaks, lambda subject, settings: Finding("passed", text)):
        gate = plugins.Gate("leaky", ask)
        monkeypatch.setattr(plugins, "plugin_gate", lambda name, gate=gate: gate)
        guarded = plugins.guarded_gate("leaky")
        assert guarded is not None
        [finding] = guarded.ask(None, None)  # type: ignore[misc, arg-type]
        assert "***" in finding.detail and SECRET not in finding.detail
        assert base64.b64encode(SECRET.encode()).decode()[:8] not in finding.detail


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Basic {}",
        "{{'authorization': 'Basic {}'}}",
        "[('AUTHORIZATION', b'Basic {}')]",
        "proxy-authorization=Bearer%20{}",
        "the token {} was refused",
    ],
)
def test_header_quoted_by_a_server(header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy answers with the request's headers in its error."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME_STAGING", "ci")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD_STAGING", SECRET)
    quoted = base64.b64encode(f"ci:{SECRET}".encode()).decode()
    error = RuntimeError(f"500 Server Error: {header.format(quoted)}")
    shown = str(Server("https://mlflow.example").explain(error))
    assert quoted not in shown and quoted.rstrip("=") not in shown and "***" in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY_STAGING", "wJalrXUtnFEMI/K7MDENG"),
        ("AZURE_STORAGE_CONNECTION_STRING", "AccountName=acme;AccountKey=Zm9vYmFyYmF6"),
        ("AZURE_CLIENT_SECRET", "8Q~some-value"),
        ("OPENAI_API_KEY", "key-5f3c1b2a"),
        ("MODEL_DB", "postgresql://ci:pw5f3c1b@db/x"),
    ],
)
def test_secret_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a driver prints of the environment."""
    monkeypatch.setenv(name, value)
    part = value.rpartition("AccountKey=")[2] if "AccountKey" in value else value
    part = "pw5f3c1b" if "://" in value else part
    for form in (part, part.replace("/", "%2F"), base64.b64encode(part.encode()).decode()):
        assert form not in redact(f"driver failed: {form}, sorry")


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "primary_key", "author", "pass_rate"])
def test_an_honest_name_is_shown(name: str) -> None:
    """No leak: names that only resemble those of secrets."""
    assert not is_secret_name(name)


WORKFLOW = """\
on: push
jobs:
  plan:
    runs-on: ubuntu-latest
    environment: mlflow-read
    steps:
      - env: {{MLFLOW_TRACKING_URI{0}: "${{{{ {1} }}}}"}}
        run: mlflow-gitops plan
"""


@pytest.mark.parametrize(
    ("suffix", "variable"),
    [
        ("", "vars.MLFLOW_TRACKING_URI"),
        ("_STAGING", "vars.MLFLOW_TRACKING_URI_STAGING"),
        ("", "vars['OUR_SERVER']"),
    ],
)
def test_address_in_a_repository_variable(company: Company, suffix: str, variable: str) -> None:
    """A person who may edit variables can have every job send its credentials elsewhere. `doctor`
    names the variable; one of an environment is not the repository's."""
    workflows = company.team.folder / ".github/workflows"
    workflows.mkdir(parents=True)
    (workflows / "plan.yml").write_text(WORKFLOW.format(suffix, variable))

    def check() -> tuple[str, str]:
        ran = company.team.run("doctor", "--format", "json")
        [found] = [one for one in ran.json["findings"] if one["check"] == "address-variables"]
        return found["status"], found["detail"] + (found["fix"] or "")

    assert check()[0] == "ok"
    name = variable.removeprefix("vars").strip(".[']")
    company.github.settings[f"actions/variables/{name}"] = {"name": name, "value": "https://a"}
    status, detail = check()
    assert status == "missing" and name in detail and "environments.yaml" in detail


# -- servers that nobody approved ------------------------------------------------------------------


class Listener:
    """A server that answers nothing useful, and keeps what it was asked."""

    def __init__(self) -> None:
        requests: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append(str(self.headers))
                self.send_error(404)

            do_POST = do_GET

            def log_message(self, *args: object) -> None:
                pass

        self.requests = requests
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.server.shutdown()


@pytest.fixture
def teams(tmp_path: Path, blank_registry: Callable[[Path], str]) -> Teams:
    """Two environments on main, both on stores that need no credentials; a branch is checked
    out."""
    uris = {name: blank_registry(tmp_path / f"{name}.db") for name in ("staging", "prod")}
    made = Teams(tmp_path / "repo", uris)
    made.put("prod", "churn", "stages: {}\n")
    made.put("staging", "churn", "stages: {}\n")
    made.commit("First")
    made.git("checkout", "-q", "-b", "pull-request")
    return made


def move_to(teams: Teams, name: str, uri: str) -> None:
    """Let the list name another server for an environment."""
    entries = {**teams.uris, name: uri}
    teams.write(
        "environments.yaml",
        "".join(f'{key}: {{tracking_uri: "{value}"}}\n' for key, value in entries.items()),
    )


@pytest.mark.parametrize("name", ["prod", "canary"])
@pytest.mark.parametrize(
    "command",
    [["plan"], ["status"], ["compare", "churn", "1", "2"], ["import"], ["verify"], ["doctor"]],
)
def test_address_changed_in_a_pull_request(
    teams: Teams, listener: Listener, name: str, command: list[str]
) -> None:
    """A pull request moves an environment, or adds one, and a reviewer plans its checkout."""
    move_to(teams, name, listener.uri)
    teams.put(name, "churn", "stages: {}\n")
    teams.commit("Faster server")
    ran = teams.on(name, *command, MLFLOW_TRACKING_TOKEN=SECRET)
    assert ran.code and not listener.requests
    assert listener.uri in ran.out + ran.err and "No request was made" in ran.out + ran.err

    teams.git("checkout", "-q", "main")
    move_to(teams, name, listener.uri)  # not even committed
    ran = teams.on(name, *command, MLFLOW_TRACKING_TOKEN=SECRET)
    assert ran.code and not listener.requests


@pytest.mark.parametrize("way", ["pull request", "working tree"])
def test_another_environment_changed_in_a_pull_request(
    teams: Teams, listener: Listener, way: str
) -> None:
    """The environment that versions are copied from is asked with credentials of its own."""
    if way == "working tree":
        teams.git("checkout", "-q", "main")
    move_to(teams, "staging", listener.uri)
    if way == "pull request":
        teams.commit("Faster server")
    ran = teams.on(
        "prod",
        *("promote", "churn", "1", "Production", "--from", "staging"),
        MLFLOW_TRACKING_TOKEN_STAGING=SECRET,
    )
    assert ran.code and not listener.requests
    assert "No request was made" in ran.out + ran.err


@pytest.mark.parametrize("are_readable", [True, False], ids=["readable", "unreadable_receipts"])
def test_address_changed_and_merged(
    teams: Teams, listener: Listener, monkeypatch: pytest.MonkeyPatch, are_readable: bool
) -> None:
    """After the merge, the first reconcile on the new server needs a person. Receipts that cannot
    be read let nobody past that."""
    first = Listener()
    teams.git("checkout", "-q", "main")
    move_to(teams, "prod", first.uri)
    teams.commit("Move to a server")
    move_to(teams, "prod", listener.uri)
    teams.commit("Move on")
    if not are_readable:
        add_receipt(teams.folder, "no receipt")
        monkeypatch.setattr(limits, "MAX_RECEIPT", 5)
    ran = teams.on("prod", "reconcile", "--yes", MLFLOW_TRACKING_TOKEN=SECRET)
    assert ran.code == 4 and not listener.requests
    assert "--new-host" in ran.err and first.uri in ran.err
    ran = teams.on("prod", "reconcile", "--yes", "--new-host", MLFLOW_TRACKING_TOKEN=SECRET)
    assert listener.requests, "it was approved on main, and named by hand"


def test_an_honest_address(teams: Teams, listener: Listener) -> None:
    """No leak: main's own server is asked, from a branch and by another spelling."""
    teams.git("checkout", "-q", "main")
    move_to(teams, "prod", listener.uri)
    teams.commit("A server")
    teams.git("checkout", "-q", "-b", "work")
    move_to(teams, "prod", f"{listener.uri}/")
    teams.on("prod", "plan")
    assert listener.requests


# -- text that misleads ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Promote ##[add-mask]churn",
        "::stop-commands::now",
        "a\r::set-env name=PATH::/tmp",
        "\u200b::error::nothing",
        "#\u200b#[group]x",
        "#\u00ad#\u2060[endgroup]",
    ],
)
def test_text_that_a_runner_obeys(company: Company, text: str) -> None:
    """A commit's subject is a command of GitHub's runner."""
    company.write(1, "description: x\n")
    company.commit(text)
    company.push("main")
    for form in ("text", "json"):
        ran = company.team.run("log", MODEL, "--format", form)
        for line in re.split("[\r\n]", ran.out + ran.err):
            visible = re.sub("[\u200b\u00ad\u2060]", "", line)
            assert "##[" not in visible and not visible.strip().startswith("::")
    printed = GitHubActions().neutralised(f"{text}\n{text}")
    for line in re.split("[\r\n]", printed):
        visible = re.sub("[\u200b\u00ad\u2060]", "", line)
        assert "##[" not in visible and not visible.strip().startswith("::")


@pytest.mark.parametrize(
    "character", ["\u200b", "\u2060", "\u202e", "\U000e0041", "\u3164", "\u200d", "\ufe0f"]
)
def test_invisible_characters(company: Company, character: str) -> None:
    """A description holds more than a reviewer sees, and a name that looks like another."""
    for more in (f"description: 'Safe{character}'\n", f"owners: ['a{character}@example.org']\n"):
        company.write(1, more)
        ran = company.team.run("validate", "--format", "json")
        codes = {problem["code"] for problem in ran.json["errors"]}
        assert ran.code == 3 and codes & {"invisible-character", "control-character"}
        company.team.git("checkout", "-q", ".")
    assert f"{ord(character):x}" in code(f"Safe{character}"), "elsewhere it is shown"


@pytest.mark.parametrize("text", ["می\u200cخواهم", "⚠️ slow", "👩\u200d🔬", "क्\u200dष"])
def test_an_honest_description(company: Company, text: str) -> None:
    """No attack: scripts and emoji that need joiners."""
    company.write(1, f"description: '{text}'\n")
    assert company.team.run("validate").code == 0
    assert text in code(text)


def plan_of(*models: ModelPlan) -> Plan:
    return Plan("a" * 40, models, Fingerprint({}))


def promotion_of(model: str) -> ModelPlan:
    row = StageChange("Production", (1,), (2,), "commit", None)
    change = Change("transition", 2, None, "None", "Production")
    return ModelPlan(model, None, "Pending", None, stages=(row,), changes=(change,))


@pytest.mark.parametrize(("edits", "limit"), [(350, 65_000), (2_000, 65_000), (40, 5_000)])
def test_promotion_among_many_edits(edits: int, limit: int) -> None:
    """One promotion stands among so many other changes that the comment cannot hold them."""
    change = Change("set_description", before="", after="x" * 200)
    others = (
        ModelPlan(f"a-model-{number:04}", None, "Pending", None, changes=(change,) * 3)
        for number in range(edits)
    )
    page = pull_request_comment.comment(plan_of(*others, promotion_of("zeta")), limit)
    assert len(page.encode()) <= limit
    table = page[: page.index("\n### ")]
    assert "| `zeta` | Production | 1 → 2 | ✅ to apply |" in table
    assert re.search(r"and \d+ more models", page)


@pytest.mark.parametrize("count", [300, 1_500])
def test_many_promotions(count: int) -> None:
    """Every stage move is in the comment, however many there are."""
    models = [promotion_of(f"model-{number:04}") for number in range(count)]
    page = pull_request_comment.comment(plan_of(*models))
    assert len(page.encode()) <= 65_000
    assert all(model.model in page for model in models)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("x" * 1000, 761),
        ("safe " * 100 + "and approve it", 275),
        ("Safe." + " " * 400 + "Not.", 170),
        ("é" * 241, 2),
    ],
)
def test_end_of_a_long_text(text: str, missing: int) -> None:
    """What is cut says how much it is: alone, and in the comment that reviewers read."""
    assert code(text).endswith(f"({missing} more characters)`")
    change = Change("set_description", before="", after=text)
    page = pull_request_comment.comment(
        plan_of(ModelPlan(MODEL, None, "Pending", None, changes=(change,)))
    )
    assert text not in page and f"({len(text) - 57} more characters)" in page
    [sentence] = healed_drift([Change("set_description", before=text, after="Safe", cause="drift")])
    assert f"({len(text) - 60} more characters)" in sentence


# -- nothing is left out ---------------------------------------------------------------------------


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower().replace("'", "")).strip("_")


def test_security_md_names_the_same_leaks() -> None:
    text = (ROOT / ".github/SECURITY.md").read_text(encoding="utf-8")
    table = text[text.index("| leak |") :].split("\n\n")[0].splitlines()[2:]
    named = {slug(row.split("|")[1]) for row in table}
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    honest = {name for name in tests if name.startswith(("an_honest", "security_md"))}
    assert named == tests - honest
