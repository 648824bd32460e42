"""Who may connect: mutual TLS by the roles in certificates, and where a process may listen without it."""

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509

from .errors import RpcError, UserError
from .settings import Settings


def is_loopback(host: str) -> bool:
    """Whether a host is reachable from this machine alone. A name other than localhost may resolve to anything."""
    name = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def secured(settings: Settings) -> bool:
    """Whether connections are encrypted."""
    return settings.TLS_CERT_FILE is not None


def require_secure_address(settings: Settings) -> None:
    """Raises UserError where the process would listen beyond this machine without TLS, unless INSECURE allows it."""
    host = settings.LISTEN.rpartition(":")[0]
    if secured(settings) or settings.INSECURE or is_loopback(host):
        return
    raise UserError(
        f"cannot listen on {settings.LISTEN} without TLS: everyone who reaches it could read and change the runs; set "
        "TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE (gapo certs makes them), or set INSECURE=true if the network itself "
        "keeps others out; 127.0.0.1 needs neither"
    )


def server_credentials(settings: Settings) -> Any:
    """Credentials of a server that takes renewed files without a restart."""
    read = _reader(settings)

    def fetch() -> Any:
        key, chain, roots = read()
        return grpc.ssl_server_certificate_configuration([(key, chain)], root_certificates=roots)

    return grpc.dynamic_ssl_server_credentials(fetch(), fetch, require_client_authentication=True)


def coordinator_channel(settings: Settings, options: list[tuple[str, Any]]) -> grpc.Channel:
    """Opens a channel to the coordinator."""
    if not secured(settings):
        return grpc.insecure_channel(settings.COORDINATOR, options)
    key, chain, roots = _reader(settings)()
    credentials = grpc.ssl_channel_credentials(roots, key, chain)
    return grpc.secure_channel(settings.COORDINATOR, credentials, options)


def admission(settings: Settings) -> Callable[[str, Any], None]:
    """Returns the check of a call's peer: with TLS only the coordinator, or one of ALLOWED_PEERS, may call."""
    expected = [f"spiffe://{settings.TLS_TRUST_DOMAIN}/coordinator", *settings.ALLOWED_PEERS]

    def admit(service: str, context: Any) -> None:
        if not secured(settings):
            return
        certificates = context.auth_context().get("x509_pem_cert", [])
        names = names_of(certificates[0]) if certificates else []
        if not any(includes_name(names, name) for name in expected):
            shown = names[0] if names else "a peer without a name in its certificate"
            raise RpcError(
                grpc.StatusCode.PERMISSION_DENIED, f"{shown} may not call {service}, only {' and '.join(expected)}"
            )

    return admit


def names_of(pem: bytes) -> list[str]:
    """Returns the URIs and DNS names of a certificate."""
    certificate = x509.load_pem_x509_certificate(pem)
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    uris = found.get_values_for_type(x509.UniformResourceIdentifier)
    return [*uris, *(name.lower() for name in found.get_values_for_type(x509.DNSName))]


def includes_name(names: list[str], expected: str) -> bool:
    """Whether the names include a URI, or one below it, or a DNS name."""
    if "://" not in expected:
        return expected.lower() in names
    return any(name == expected or name.startswith(f"{expected}/") for name in names)


def _reader(settings: Settings) -> Callable[[], tuple[bytes, bytes, bytes]]:
    """Returns a function that reads key, certificate and authorities. It raises UserError where one cannot be read."""

    def read() -> tuple[bytes, bytes, bytes]:
        files = (settings.TLS_KEY_FILE, settings.TLS_CERT_FILE, settings.TLS_CA_FILE)
        key, chain, roots = (_bytes(path) for path in files if path is not None)
        return key, chain, roots

    return read


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
