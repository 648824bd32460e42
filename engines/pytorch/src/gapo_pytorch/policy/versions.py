"""Policy versions, pulled from the coordinator when a request first names one, and checked by SHA-256."""

import contextvars
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import numpy as np
from numpy.typing import NDArray

from gapo.policy.v1.policy_pb2 import GetVersionRequest, GetVersionResponse
from gapo.tensor.v1.tensor_pb2 import DATA_TYPE_F32, DataType, TensorHeader

from .. import tracing
from ..errors import RpcError, damaged
from ..wire.tensors import Assembler

VERSIONS_KEPT = 3
"""Versions kept for each run: the reference, the current one, and the one before it."""
RUNS_KEPT = 4
"""Runs whose versions are kept, those that were asked for last. A run that is resumed counts as another one."""
PULL_DEADLINE_SECONDS = 120.0
STALL_SECONDS = 15.0
"""Seconds without a message after which a pull fails."""
METHOD = "/gapo.policy.v1.PolicyService/GetVersion"


@dataclass(frozen=True)
class HeldVersion:
    """A version's tensors by name, in its order, and the SHA-256 (hex) of their bytes."""

    sha256: str
    tensors: Mapping[str, NDArray[np.float32]]


class VersionStore:
    """Pulls and keeps versions. Concurrent requests for a version share one pull, which outlives the request that began it."""

    def __init__(
        self, target: str, connect: Callable[[], grpc.Channel], *, stall_seconds: float = STALL_SECONDS
    ) -> None:
        """`connect` opens a channel to the coordinator at `target`; another one after a pull has stalled."""
        self._target = target
        self._connect = connect
        self._stall_seconds = stall_seconds
        self._lock = threading.Lock()
        self._channel = connect()
        self._held: OrderedDict[tuple[str, int], Future[HeldVersion]] = OrderedDict()
        self._pulls = ThreadPoolExecutor(4, thread_name_prefix="pull")

    def get(self, run_id: str, version: int, expected: Mapping[str, tuple[int, ...]]) -> HeldVersion:
        """Returns a version. `expected` are the shapes of its tensors, by name.

        Raises RpcError where the coordinator does not answer, does not have it, or sends it damaged or with other tensors.
        """
        return self._pull(run_id, version, expected).result()

    def expect(self, run_id: str, version: int, expected: Mapping[str, tuple[int, ...]]) -> None:
        """Begins to pull a version. If that fails, the request that needs it pulls again and reports the error."""
        self._pull(run_id, version, expected)

    def close(self) -> None:
        """Closes the channel."""
        self._pulls.shutdown(wait=False, cancel_futures=True)
        self._channel.close()

    def _pull(self, run_id: str, version: int, expected: Mapping[str, tuple[int, ...]]) -> Future[HeldVersion]:
        key = (run_id, version)
        with self._lock:
            found = self._held.get(key)
            if found is None or (found.done() and found.exception() is not None):
                context = contextvars.copy_context()
                found = self._pulls.submit(context.run, self._fetch, run_id, version, dict(expected))
                self._held[key] = found
                self._forget_old(run_id)
            self._held.move_to_end(key)
        return found

    def _forget_old(self, run_id: str) -> None:
        own = [key for key in self._held if key[0] == run_id and key[1] != 0]
        for key in own[: max(0, len(own) - (VERSIONS_KEPT - 1))]:
            del self._held[key]
        runs = list(dict.fromkeys(run for run, _ in reversed(self._held)))
        for key in [key for key in self._held if key[0] in runs[RUNS_KEPT:]]:
            del self._held[key]

    def _fetch(self, run_id: str, version: int, expected: Mapping[str, tuple[int, ...]]) -> HeldVersion:
        what = f"policy version {version} of run {run_id} from {self._target}"
        attributes: tracing.Attributes = {tracing.RUN_ID: run_id, tracing.POLICY_VERSION: version}
        with tracing.span(tracing.POLICY_FETCH, attributes) as span:
            assembler: Assembler | None = None
            sha256 = ""
            for message in self._messages(run_id, version, what):
                if message.HasField("header"):
                    sha256 = message.header.sha256
                    assert_expected(message.header.tensors, expected, what)
                    assembler = Assembler(message.header.tensors, sha256, what, _memory())
                elif assembler is None:
                    raise damaged(f"{what}: bytes came before the header")
                else:
                    assembler.add(message.chunk)
            if assembler is None:
                raise damaged(f"{what}: the stream was empty")
            held = HeldVersion(sha256, assembler.finish())
            size = sum(values.nbytes for values in held.tensors.values())
            span.set_attributes({tracing.POLICY_SHA256: sha256, tracing.BYTES: size})
        return held

    def _messages(self, run_id: str, version: int, what: str) -> Iterator[GetVersionResponse]:
        """Yields the messages of a pull. Raises RpcError UNAVAILABLE where one is not there in time."""
        channel = self._channel
        method = channel.unary_stream(
            METHOD,
            request_serializer=GetVersionRequest.SerializeToString,
            response_deserializer=GetVersionResponse.FromString,
        )
        request = GetVersionRequest(run_id=run_id, version=version)
        call = method(request, timeout=PULL_DEADLINE_SECONDS, wait_for_ready=True, metadata=tracing.outgoing())
        stalled = threading.Event()

        def stall() -> None:
            stalled.set()
            call.cancel()

        try:
            while True:
                timer = threading.Timer(self._stall_seconds, stall)
                timer.daemon = True
                timer.start()
                try:
                    message = next(call, None)
                finally:
                    timer.cancel()
                if message is None:
                    return
                yield message
        except grpc.RpcError as error:
            if stalled.is_set():
                self._replace(channel)
                why = f"the coordinator sent nothing for {self._stall_seconds:g} s"
                raise RpcError(grpc.StatusCode.UNAVAILABLE, f"{what}: {why}") from error
            raise RpcError(error.code(), f"{what}: {error.details()}") from error
        finally:
            call.cancel()

    def _replace(self, stalled: grpc.Channel) -> None:
        """Replaces the channel that a pull has stalled on, unless another pull has done so: its connection may be dead."""
        with self._lock:
            if self._channel is not stalled:
                return
            self._channel = self._connect()
        stalled.close()


def assert_expected(announced: Sequence[TensorHeader], expected: Mapping[str, tuple[int, ...]], what: str) -> None:
    """Checks the tensors that a version announces, before memory is taken for them.

    Raises RpcError DATA_LOSS that names the first tensor which is another than expected. Their order is the version's own.
    """
    for header in announced:
        shape = expected.get(header.name)
        if shape is None:
            raise damaged(f"{what} has '{header.name[:200]}', which the policy's specification does not train")
        if header.dtype != DATA_TYPE_F32 or tuple(header.shape) != shape:
            known = header.dtype in DataType.values()
            dtype = DataType.Name(header.dtype) if known else str(header.dtype)
            raise damaged(
                f"{what} has '{header.name}' {dtype} {list(header.shape)[:8]}; the policy's specification has "
                f"DATA_TYPE_F32 {list(shape)}"
            )
    names = {header.name for header in announced}
    missing = next((name for name in expected if name not in names), None)
    if missing is not None:
        raise damaged(f"{what} has no '{missing}', which the policy's specification trains")


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
