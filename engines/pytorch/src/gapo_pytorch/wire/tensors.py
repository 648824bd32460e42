"""Tensors on the wire: raw little-endian row-major bytes with dtype and shape, whole or in chunks of a stream."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gapo.tensor.v1.tensor_pb2 import (
    DATA_TYPE_F32,
    DATA_TYPE_F64,
    DATA_TYPE_I32,
    DataType,
    Tensor,
    TensorChunk,
    TensorHeader,
)

from ..errors import RpcError, damaged, invalid

CHUNK_BYTES = 1 << 20
MOST_DIMENSIONS = 32

DTYPES: dict[int, np.dtype[np.generic]] = {
    DATA_TYPE_F32: np.dtype("<f4"),
    DATA_TYPE_F64: np.dtype("<f8"),
    DATA_TYPE_I32: np.dtype("<i4"),
}


def extent_of(header: TensorHeader, where: str) -> tuple[np.dtype[np.generic], int]:
    """Returns a header's element type and its size in bytes.

    Raises RpcError INVALID_ARGUMENT where it has no element type or an impossible shape.
    """
    dtype = DTYPES.get(header.dtype)
    if dtype is None:
        known = ", ".join(DataType.Name(number) for number in DTYPES)
        raise invalid(f"{where} has dtype {_dtype_name(header.dtype)}; it must be one of {known}")
    shape = list(header.shape)
    if len(shape) > MOST_DIMENSIONS or any(extent < 0 for extent in shape):
        raise invalid(f"{where} has shape {shape}: extents are integers from 0, at most {MOST_DIMENSIONS} of them")
    return dtype, math.prod(shape) * dtype.itemsize


def read_floats(tensor: Tensor | None, field: str) -> NDArray[np.float32]:
    """Returns the tensor of a request's field: a read-only view of the message.

    Raises RpcError INVALID_ARGUMENT that names the field where it is unset, not float32, has more or fewer bytes than its
    shape, or an element that is not finite.
    """
    if tensor is None or not tensor.HasField("header"):
        raise invalid(f"{field} is not set; it needs a header (name, dtype, shape) and data")
    header = tensor.header
    dtype, size = extent_of(header, field)
    if header.dtype != DATA_TYPE_F32:
        raise invalid(f"{field} has dtype {_dtype_name(header.dtype)}; DATA_TYPE_F32 is expected")
    if len(tensor.data) != size:
        raise invalid(f"{field} has {len(tensor.data)} bytes; DATA_TYPE_F32 {list(header.shape)} takes {size}")
    values: NDArray[np.float32] = np.frombuffer(tensor.data, dtype).reshape(list(header.shape))
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size > 0:
        raise invalid(f"{field} has {values.flat[bad[0]]} at element {bad[0]}; it must be finite")
    return values


def header_of(name: str, dtype: DataType, shape: Sequence[int]) -> TensorHeader:
    """Returns a header."""
    return TensorHeader(name=name, dtype=dtype, shape=shape)


def to_tensor(name: str, values: NDArray[np.float32]) -> Tensor:
    """Returns a float32 tensor for a message."""
    return Tensor(header=header_of(name, DATA_TYPE_F32, values.shape), data=np.ascontiguousarray(values).tobytes())


def chunks(arrays: Iterable[NDArray[np.generic]], size: int = CHUNK_BYTES) -> Iterator[TensorChunk]:
    """Splits the concatenation of the arrays' bytes into chunks of equal size; the last one may be shorter."""
    offset = 0
    held = bytearray()
    for array in arrays:
        view = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        at = 0
        while at < len(view):
            piece = view[at : at + size - len(held)]
            held += piece
            at += len(piece)
            if len(held) == size:
                yield TensorChunk(offset=offset, data=bytes(held))
                offset += size
                held.clear()
    if held:
        yield TensorChunk(offset=offset, data=bytes(held))


class Assembler:
    """Assembles the chunks of a stream of float32 tensors, and checks their SHA-256."""

    def __init__(self, headers: Sequence[TensorHeader], sha256: str, what: str, most_bytes: int) -> None:
        """`what` names the stream in errors. A stream that announces more than `most_bytes` is refused."""
        self._what = what
        self._sha256 = sha256.lower()
        self._headers = list(headers)
        names: set[str] = set()
        total = 0
        for header in headers:
            where = f"{what}: tensor '{header.name}'"
            if header.name in names:
                raise damaged(f"{what} announces tensor '{header.name}' twice")
            names.add(header.name)
            total += extent_of(header, where)[1]
        if total > most_bytes:
            import grpc

            raise RpcError(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"{what} announces {total} bytes, more than {most_bytes}"
            )
        self._bytes = bytearray(total)
        self._received = 0

    def add(self, chunk: TensorChunk) -> None:
        """Adds the next chunk. Raises RpcError DATA_LOSS where it does not follow those before it."""
        if chunk.offset != self._received:
            raise self._loss(f"a chunk starts at byte {chunk.offset} where byte {self._received} comes next")
        end = self._received + len(chunk.data)
        if end > len(self._bytes):
            raise self._loss(f"it sends {end} bytes or more; its headers announce {len(self._bytes)}")
        self._bytes[self._received : end] = chunk.data
        self._received = end

    def finish(self) -> dict[str, NDArray[np.float32]]:
        """Returns the tensors by name, in the headers' order. Raises RpcError DATA_LOSS where bytes are missing or wrong."""
        if self._received != len(self._bytes):
            raise self._loss(f"it ends after {self._received} bytes; its headers announce {len(self._bytes)}")
        found = hashlib.sha256(self._bytes).hexdigest()
        if found != self._sha256:
            raise self._loss(f"its bytes have SHA-256 {found}; {self._sha256} was announced")
        tensors: dict[str, NDArray[np.float32]] = {}
        offset = 0
        for header in self._headers:
            count = math.prod(header.shape)
            values: NDArray[np.float32] = np.frombuffer(self._bytes, np.dtype("<f4"), count, offset)
            tensors[header.name] = values.reshape(list(header.shape))
            offset += 4 * count
        return tensors

    def _loss(self, why: str) -> RpcError:
        return damaged(f"{self._what} is damaged: {why}")


def _dtype_name(number: int) -> str:
    return DataType.Name(DataType.ValueType(number)) if number in DataType.values() else str(number)
