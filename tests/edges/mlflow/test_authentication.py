"""A process of this program, which leaves out parts of MLflow, identifies itself to a server in
each way that MLflow's client knows, plugins of other packages included."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

ASK = """
import os, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mlflow_gitops.edges.mlflow.registry import Registry
from mlflow_gitops.settings import THIS_PROCESS
THIS_PROCESS.is_command = True

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if "registered-models" in self.path:
            print(self.headers["Authorization"], self.headers["X-Company"])
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET

    def log_message(self, *arguments):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
WAYS = (
    {},
    {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "hush"},
    {"MLFLOW_TRACKING_TOKEN": "t0ken"},
    {"MLFLOW_TRACKING_AUTH": "company"},
)
for way in WAYS:
    os.environ.update(way)
    Registry(address)._client.search_registered_models(max_results=1)
    for name in way:
        del os.environ[name]
"""
PLUGIN = """
from mlflow.tracking.request_auth.abstract_request_auth_provider import RequestAuthProvider
from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider

def sign(request):
    request.headers["Authorization"] = "Company ann"
    return request

class Auth(RequestAuthProvider):
    def get_name(self):
        return "company"

    def get_auth(self):
        return sign

class Header(RequestHeaderProvider):
    def in_context(self):
        return True

    def request_headers(self):
        return {"X-Company": "7"}
"""
ENTRY_POINTS = """
[mlflow.request_auth_provider]
company = company_plugin:Auth
[mlflow.request_header_provider]
company = company_plugin:Header
"""


def test_each_way_to_authenticate(tmp_path: Path) -> None:
    (tmp_path / "company_plugin.py").write_text(PLUGIN)
    package = tmp_path / "company_plugin-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: company-plugin\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(ENTRY_POINTS)

    finished = subprocess.run(
        [sys.executable, "-c", ASK],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True, text=True,
    )  # fmt: skip
    basic = b64encode(b"ann:hush").decode()
    expected = [f"{way} 7" for way in ("None", f"Basic {basic}", "Bearer t0ken", "Company ann")]
    assert finished.stdout.splitlines() == expected, finished.stderr
