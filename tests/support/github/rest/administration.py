"""Endpoints that change a repository's files, branches and settings, as an administrator does."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Any

from tests.support.github.forms import (
    file_form,
    protection_of,
    ref_form,
    setting_form,
    written_commit_form,
)
from tests.support.github.wire import Call, route
from tests.support.github_state import Refused


@route("PUT", "{repo}/contents/{path+}")
def _put_contents(call: Call, path: str) -> Any:
    message, content = call.needs("message", "content")
    ref = f"refs/heads/{call.body.get('branch') or call.repo.branch}"
    tip = call.repo.tip(ref)
    present = call.repo.tip(f"{tip}:{path}") if tip else ""
    if present and call.body.get("sha") != present:
        raise Refused(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "content")
        file.write_bytes(base64.b64decode(content))
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        git = call.repo.git
        if tip:
            git("read-tree", tip, env=index)
        blob = git("hash-object", "-w", str(file))
        git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
        tree = git("write-tree", env=index)
        parents = ("-p", tip) if tip else ()
        commit = git("commit-tree", tree, *parents, "-m", message)
        git("update-ref", ref, commit, tip or "0" * 40)
    file = file_form(call, path, ref, blob)
    answer = {
        "content": {key: file[key] for key in file if key not in ("content", "encoding")},
        "commit": written_commit_form(call, commit),
    }
    return 201 if not present else 200, answer


@route("POST", "{repo}/git/refs")
def _create_ref(call: Call) -> Any:
    ref, sha = call.needs("ref", "sha")
    if call.repo.tip(ref):
        raise Refused(422, "Reference already exists")
    call.repo.git("update-ref", ref, sha, "0" * 40)
    return ref_form(call, ref, sha)


@route("DELETE", "{repo}/git/{path+}")
def _delete_ref(call: Call, path: str) -> Any:
    if not call.repo.tip(path):
        raise Refused(422, "Reference does not exist")
    call.repo.git("update-ref", "-d", path)


@route("PUT", "{repo}/actions/permissions/workflow")
def _token_permissions(call: Call) -> Any:
    call.repo.settings["actions/permissions/workflow"] = dict(call.body)


@route("PUT", "{repo}/branches/{branch}/protection")
def _protect(call: Call, branch: str) -> Any:
    path = f"branches/{branch}/protection"
    call.repo.settings[path] = protection_of(call.body)
    return setting_form(call, path, call.repo.settings[path])


@route("DELETE", "{repo}/branches/{branch}/protection")
def _unprotect(call: Call, branch: str) -> Any:
    if call.repo.settings.pop(f"branches/{branch}/protection", None) is None:
        raise Refused(404, "Branch not protected")
