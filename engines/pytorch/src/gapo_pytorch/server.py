"""The gRPC server: the worker's services, grpc.health.v1 and reflection; it stops gracefully."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from .errors import UserError
from .peers import secured, server_credentials
from .settings import Settings

MAX_RECEIVE_BYTES = 64 * 1024 * 1024
"""The largest message that either side accepts. Larger things are streamed in chunks of about 1 MiB."""
HANDLER_THREADS = 64
"""More than a coordinator has calls in progress: calls that wait for the computing thread must not keep health waiting."""

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
]
CHANNEL_OPTIONS: list[tuple[str, Any]] = [
    *OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
]
SERVER_OPTIONS: list[tuple[str, Any]] = [
    *OPTIONS,
    # A second process on one port is an error, not a second server.
    ("grpc.so_reuseport", 0),
    # Clients reconnect from time to time, which is how they discover servers behind a DNS name.
    ("grpc.max_connection_age_ms", 300_000),
]


class WorkerServer:
    """A running server."""

    def __init__(self, settings: Settings, handlers: list[Any], names: list[str]) -> None:
        """Listens and serves. `names` are the services of `handlers`. Raises UserError where the address cannot be used."""
        self._health = health.HealthServicer()
        self._names = ["", *names]
        self._probed = None if settings.LISTEN_HEALTH is None else HealthServer(settings.LISTEN_HEALTH, self._health)
        self._server = _server(handlers, self._health)
        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        credentials = server_credentials(settings) if secured(settings) else None
        self.address = _listen(self._server, settings.LISTEN, credentials)
        self._set(health_pb2.HealthCheckResponse.SERVING)
        self._server.start()

    def stop(self, grace_seconds: float) -> None:
        """Turns health to NOT_SERVING, and ends once calls in progress have finished or the grace time is over."""
        self._set(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._server.stop(grace_seconds).wait()
        if self._probed is not None:
            self._probed.stop()

    def _set(self, status: Any) -> None:
        for name in self._names:
            self._health.set(name, status)


class HealthServer:
    """grpc.health.v1 alone, without TLS, for probes. A process that serves nothing else is SERVING while it answers."""

    def __init__(self, address: str, checks: health.HealthServicer | None = None) -> None:
        """Listens and serves. `checks` are those of another server. @default the process's own: SERVING"""
        self._server = _server([], health.HealthServicer() if checks is None else checks)
        self.address = _listen(self._server, address, None)
        self._server.start()

    def stop(self) -> None:
        """Ends at once."""
        self._server.stop(0).wait()


def _server(handlers: list[Any], checks: health.HealthServicer) -> Any:
    server = grpc.server(ThreadPoolExecutor(HANDLER_THREADS, thread_name_prefix="call"), options=SERVER_OPTIONS)
    server.add_generic_rpc_handlers(handlers)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    return server


def _listen(server: Any, address: str, credentials: Any) -> str:
    """Returns the address with the actual port."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise UserError(f"cannot listen on '{address}': write host:port, such as 0.0.0.0:50052")
    try:
        taken = (
            server.add_insecure_port(address) if credentials is None else server.add_secure_port(address, credentials)
        )
    except RuntimeError as error:
        raise UserError(
            f"cannot listen on {address}: another process holds that port, or this machine has no such address"
        ) from error
    return f"{host}:{taken}"
