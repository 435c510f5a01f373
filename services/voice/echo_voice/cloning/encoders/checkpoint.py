"""Safe reader of PyTorch checkpoints: needs no PyTorch and unpickles only tensors."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class NotACheckpointError(Exception):
    """A file that is no checkpoint, or holds more than tensors in plain containers."""


class _Storage:
    def __init__(self, kind: np.dtype[Any]) -> None:
        self.kind = kind
        self.values: NDArray[Any] = np.empty(0, kind)


class _Tensor:
    def __init__(self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> None:
        if strides != tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))):
            raise NotACheckpointError("a tensor in a checkpoint is not contiguous")
        self.storage, self.offset, self.shape = storage, offset, shape

    def array(self) -> NDArray[Any]:
        return self.storage.values[self.offset :][: int(np.prod(self.shape))].reshape(self.shape)


class _Reader(pickle.Unpickler):
    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise NotACheckpointError(f"{module}.{name} in a checkpoint")

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, key, *_ = pid
        return self.storages.setdefault(key, _Storage(kind))


def read(path: Path) -> dict[str, Any]:
    """Read the contents of a checkpoint, with tensors as arrays.

    Raises:
        NotACheckpointError: The file is not a checkpoint.
    """
    plain = _plain(_read_archive(path) if zipfile.is_zipfile(path) else _read_legacy(path))
    if not isinstance(plain, dict):
        raise NotACheckpointError(f"{path} holds no named values")
    return plain


def _read_archive(path: Path) -> Any:
    """Read the format since 1.6: an archive with one file for the structure and one for each storage."""
    with zipfile.ZipFile(path) as archive:
        root = next((name.removesuffix("data.pkl") for name in archive.namelist() if name.endswith("/data.pkl")), None)
        if root is None:
            raise NotACheckpointError(f"{path} is no checkpoint")
        reader = _Reader(io.BytesIO(archive.read(f"{root}data.pkl")))
        content = reader.load()
        for key, storage in reader.storages.items():
            storage.values = np.frombuffer(archive.read(f"{root}data/{key}"), storage.kind)
    return content


def _read_legacy(path: Path) -> Any:
    """Read the format before 1.6: several pickles, then the storages."""
    with path.open("rb") as file:
        try:
            magic = _Reader(file).load()
        except (pickle.UnpicklingError, EOFError, ValueError) as error:
            raise NotACheckpointError(f"{path} is no checkpoint") from error
        if magic != _MAGIC:
            raise NotACheckpointError(f"{path} is no checkpoint")
        for _ in ("protocol", "system"):
            _Reader(file).load()
        reader = _Reader(file)
        content = reader.load()
        for key in _Reader(file).load():
            storage = reader.storages[key]
            size = int(np.frombuffer(file.read(8), "<i8")[0])
            storage.values = np.frombuffer(file.read(size * storage.kind.itemsize), storage.kind)
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, _Tensor):
        return value.array()
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value
