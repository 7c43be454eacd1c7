"""What storages themselves say about the content of a file: it changes whenever the file is
written."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

SETTLED = 60.0
"""A file that was written less than these seconds ago has no identity: it may be written again
within the same tick of the storage's clock."""


def local_identity(path: Path) -> str | None:
    """Device, inode, size and times of a file. A program can set the time of a change of the
    content, but not that of a change of the inode."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    if max(status.st_mtime, status.st_ctime) > time.time() - SETTLED:
        return None
    values = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return "file:" + ":".join(map(str, values))


def s3_identities(repository: Any, location: str) -> dict[str, str]:
    """ETag, size and time of each object below an S3 location, by path; empty for any other
    storage. Raises what boto3 raises.

    The ETag alone is not enough: it may be an MD5, and somebody can make two files with one MD5.
    """
    from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

    if not isinstance(repository, S3ArtifactRepository):
        return {}
    storage: Any = repository  # its methods have no types
    bucket, root = storage.parse_s3_compliant_uri(location)
    client = storage._get_s3_client()
    prefix = f"{root.rstrip('/')}/"
    endpoint = client.meta.endpoint_url
    settled_before = datetime.now(timezone.utc).timestamp() - SETTLED

    identities = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            written = entry["LastModified"].timestamp()
            if written < settled_before:
                values = (endpoint, bucket, entry["ETag"], entry["Size"], written)
                identities[entry["Key"].removeprefix(prefix)] = "s3:" + ":".join(map(str, values))
    return identities
