import pytest

from echo_common.storage.connect import open_storage
from echo_common.storage.filesystem import FolderStorage
from echo_common.storage.s3 import S3Storage


async def test_the_url_selects_the_storage():
    assert isinstance(await open_storage("file:///tmp/some%20objects"), FolderStorage)
    s3 = await open_storage("s3://bucket?endpoint=http://127.0.0.1:9&region=eu-central-1")
    assert isinstance(s3, S3Storage)
    await s3.close()


@pytest.mark.parametrize("url", ["", "objects", "ftp://host/objects", "s3://", "s3://bucket?endpoint", "file:"])
async def test_other_urls_are_refused(url):
    with pytest.raises(ValueError):  # noqa: PT011
        await open_storage(url)
