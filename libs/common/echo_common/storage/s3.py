"""Object storage in S3, or a compatible service. The only importer of its driver."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from echo_common.storage.port import BLOCK, ListedObject, ObjectInfo, ObjectNotFoundError, StorageUnavailableError, checked_key

R = TypeVar("R")

_THREADS = 16
_PARTS = TransferConfig(multipart_threshold=16 * 1024**2, multipart_chunksize=8 * 1024**2, max_concurrency=2)
_CHECKSUM = "sha256"
_ABSENT = {"404", "NoSuchKey", "NoSuchBucket"}
_EXISTS = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
_INVALID_RANGE = "InvalidRange"


class S3Storage:
    """Object storage in one bucket, created with the first write."""

    def __init__(
        self, bucket: str, *, endpoint: str | None, region: str | None, access_key: str | None, secret_key: str | None
    ) -> None:
        self._bucket = bucket
        self._region = region or "us-east-1"
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")
        self._client = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name=self._region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(
                connect_timeout=2,
                read_timeout=10,
                retries={"mode": "standard", "total_max_attempts": 3},
                max_pool_connections=_THREADS,
                s3={"addressing_style": "path"},
                # Compatible servers often reject the checksums that newer clients add by default.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        self._has_bucket = False

    async def put(self, key: str, data: bytes, mime: str) -> ObjectInfo:
        checked_key(key)

        def put() -> ObjectInfo:
            checksum = hashlib.sha256(data).hexdigest()
            facts = {"ContentType": mime, "Metadata": {_CHECKSUM: checksum}}
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, **facts)
            return ObjectInfo(key=key, size=len(data), mime=mime, checksum=checksum)

        return await self._written(put)

    async def put_file(self, key: str, path: Path, mime: str) -> ObjectInfo:
        checked_key(key)
        # Outside the storage call: a missing source file is not a storage error.
        size, checksum = await asyncio.to_thread(_measure, path)

        def put() -> ObjectInfo:
            facts = {"ContentType": mime, "Metadata": {_CHECKSUM: checksum}}
            self._client.upload_file(str(path), self._bucket, key, ExtraArgs=facts, Config=_PARTS)
            return ObjectInfo(key=key, size=size, mime=mime, checksum=checksum)

        return await self._written(put)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        checked_key(key)
        if end is not None and end <= start:
            await self.info(key)
            return
        body = await self._in_thread(lambda: self._open(key, f"bytes={start}-{'' if end is None else end - 1}"))
        if body is None:
            return
        try:
            while block := await self._in_thread(lambda: bytes(body.read(BLOCK))):
                yield block
        finally:
            body.close()

    async def info(self, key: str) -> ObjectInfo:
        checked_key(key)
        found = await self._in_thread(lambda: self._client.head_object(Bucket=self._bucket, Key=key))
        checksum = found["Metadata"].get(_CHECKSUM, "")
        return ObjectInfo(key=key, size=found["ContentLength"], mime=found["ContentType"], checksum=checksum)

    async def delete(self, key: str) -> None:
        checked_key(key)
        with suppress(ObjectNotFoundError):
            await self._in_thread(lambda: self._client.delete_object(Bucket=self._bucket, Key=key))

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
        with suppress(ObjectNotFoundError):
            while page := await self._in_thread(lambda: next(pages, None)):
                for found in page.get("Contents", ()):
                    yield found["Key"]

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[ListedObject]:
        found: dict[str, Any] = {}
        with suppress(ObjectNotFoundError):
            found = await self._in_thread(
                lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, StartAfter=after, MaxKeys=limit)
            )
        return [ListedObject(item["Key"], item["LastModified"]) for item in found.get("Contents", ())]

    async def ping(self) -> None:
        await self._in_thread(self._ensure_bucket)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _written(self, write: Callable[[], ObjectInfo]) -> ObjectInfo:
        if not self._has_bucket:
            await self.ping()
            self._has_bucket = True
        try:
            return await self._in_thread(write)
        except ObjectNotFoundError as error:  # the bucket has been removed; the next write creates it
            self._has_bucket = False
            raise StorageUnavailableError from error

    def _ensure_bucket(self) -> None:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if _code(error) not in _ABSENT:
                raise
            elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
            try:
                self._client.create_bucket(Bucket=self._bucket, **({} if self._region == "us-east-1" else elsewhere))
            except ClientError as refused:
                if _code(refused) not in _EXISTS:
                    raise

    def _open(self, key: str, byte_range: str) -> Any:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key, Range=byte_range)["Body"]
        except ClientError as error:
            if _code(error) == _INVALID_RANGE:
                return None
            raise

    async def _in_thread(self, call: Callable[[], R]) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except ClientError as error:
            if _code(error) in _ABSENT:
                raise ObjectNotFoundError from error
            raise StorageUnavailableError from error
        except (BotoCoreError, Boto3Error, HTTPClientError) as error:
            raise StorageUnavailableError from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _measure(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()
