"""What teams have around MLflow's server, from the programs of the system: MariaDB, and nginx with
TLS by a private authority."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.support.console.system_programs import program_or_skip
from tests.support.servers import free_port

STARTUP = 60.0


@contextmanager
def mariadb(charset: str = "utf8mb4", collation: str = "utf8mb4_general_ci") -> Iterator[str]:
    """Start a server with an empty database `mlflow` and yield a SQLAlchemy URI to it."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mariadb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        # Bootstraps that share a folder for temporary tables remove each other's.
        data = ["--no-defaults", f"--datadir={folder / 'data'}", "--user=root"]
        data.append(f"--tmpdir={folder}")
        install = [
            _of_mariadb("mariadb-install-db"),
            *data,
            "--auth-root-authentication-method=normal",
        ]
        done = subprocess.run([*install, "--skip-test-db"], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{done.stdout}{done.stderr}"[-4000:])
        command = [_of_mariadb("mariadbd"), *data, f"--port={port}", "--bind-address=127.0.0.1"]
        command += [f"--socket={folder / 's'}", f"--pid-file={folder / 'pid'}"]
        command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"]
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            _create_database(folder, process, charset, collation)
            yield f"mysql+pymysql://mlflow:only4tests@127.0.0.1:{port}/mlflow"
        finally:
            process.kill()
            process.wait(10)


def _of_mariadb(program: str) -> str:
    return program_or_skip(program, package="mariadb-server")


def _create_database(
    folder: Path, process: subprocess.Popen[bytes], charset: str, collation: str
) -> None:
    statement = (
        f"CREATE DATABASE mlflow CHARACTER SET {charset} COLLATE {collation};"
        "CREATE USER mlflow@'%' IDENTIFIED BY 'only4tests'; GRANT ALL ON mlflow.* TO mlflow@'%';"
        "CREATE USER mlflow@localhost IDENTIFIED BY 'only4tests';"
        "GRANT ALL ON mlflow.* TO mlflow@localhost;"
    )
    client = [_of_mariadb("mariadb"), "--no-defaults", f"--socket={folder / 's'}", "-uroot"]
    end = time.monotonic() + STARTUP
    while time.monotonic() < end and process.poll() is None:
        done = subprocess.run([*client, "-e", statement], capture_output=True)
        if done.returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError((folder / "log").read_text(errors="replace")[-4000:])


# -- nginx ----------------------------------------------------------------------------------------

_CONFIG = """\
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
    location /mlflow/ {{ proxy_pass http://{backend}/; }}
  }}
}}
"""


class TlsServer(NamedTuple):
    """The address behind which MLflow is, and the authority's certificate."""

    address: str
    authority: Path


@contextmanager
def nginx(folder: Path, address: str) -> Iterator[TlsServer]:
    """Let nginx pass https://localhost:…/mlflow to a server. Only the authority's certificate
    makes a client trust it."""
    folder.mkdir()
    port = free_port()
    _make_certificates(folder)
    backend = urlsplit(address).netloc
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, backend=backend))
    process = subprocess.Popen(
        [program_or_skip("nginx", package="nginx"), "-c", str(config), "-p", str(folder)]
    )
    try:
        end = time.monotonic() + 20
        while not (folder / "pid").is_file() and time.monotonic() < end:
            time.sleep(0.05)
        yield TlsServer(f"https://localhost:{port}/mlflow", folder / "authority.pem")
    finally:
        process.terminate()
        process.wait(10)


def _make_certificates(folder: Path) -> None:
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority = ["-x509", "-subj", "/CN=tests", "-keyout", "authority.key", "-days", "2"]
    asked = ["-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"]
    signed = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-days", "2"]
    for command in (
        ["req", *key, *authority, "-out", "authority.pem"],
        ["req", *key, *asked],
        ["x509", "-req", "-in", "server.csr", *signed, "-extfile", "names", "-out", "server.pem"],
    ):
        subprocess.run(
            [program_or_skip("openssl", package="openssl"), *command],
            cwd=folder,
            check=True,
            capture_output=True,
        )
