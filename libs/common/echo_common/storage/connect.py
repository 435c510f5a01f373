"""Selection of the object storage by URL."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from echo_common.storage.filesystem import FolderStorage
from echo_common.storage.port import ObjectStore


async def open_storage(
    url: str, *, access_key: SecretStr | None = None, secret_key: SecretStr | None = None, minimum_free_bytes: int = 0
) -> ObjectStore:
    """Open the storage at `file:///folder`, or at `s3://bucket?endpoint=http://host:9000&region=us-east-1` with the two keys.

    Without `endpoint` it is AWS S3; without keys, AWS's default credential chain is used. Folder and bucket are created when
    missing, with the first write. With less than `minimum_free_bytes` free on a folder's disk, its `ping` reports that the disk
    is full. Raises `ValueError` for another URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        return FolderStorage(Path(unquote(parts.path)), minimum_free_bytes=minimum_free_bytes)
    if parts.scheme == "s3" and parts.netloc:
        # Imported here so that a process with a folder does not load boto3.
        from echo_common.storage.s3 import S3Storage

        options = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        return S3Storage(
            parts.netloc,
            endpoint=options.get("endpoint"),
            region=options.get("region"),
            access_key=access_key.get_secret_value() if access_key else None,
            secret_key=secret_key.get_secret_value() if secret_key else None,
        )
    raise ValueError(f"no storage for {url}")
