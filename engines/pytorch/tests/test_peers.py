"""Mutual TLS: whose calls are served, and whose versions are pulled."""

import datetime
import ipaddress
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from test_service import PolicyService, Worker, gradient_request, reference, tensors_of, version_messages

from gapo.gradient.v1 import gradient_pb2 as pb
from gapo.worker.v1.worker_pb2 import IdentifyRequest, IdentifyResponse
from gapo_pytorch.peers import includes_name, is_loopback, names_of
from gapo_pytorch.service import GRADIENT_SERVICE, WORKER_SERVICE


class Authority:
    """An authority, and the certificates that it signs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
        self.certificate = self._builder(self.name, self.key, []).sign(self.key, hashes.SHA256())
        (folder / "ca.crt").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, identity: str) -> tuple[Path, Path]:
        """The files of a key and a certificate for an identity on this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
        names: list[x509.GeneralName] = [
            x509.UniformResourceIdentifier(identity),
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        certificate = self._builder(subject, key, names).sign(self.key, hashes.SHA256())
        stem = self.folder / identity.rpartition("/")[2]
        pem = serialization.Encoding.PEM
        form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        stem.with_suffix(".key").write_bytes(key.private_bytes(pem, form, bare))
        stem.with_suffix(".crt").write_bytes(certificate.public_bytes(pem))
        return stem.with_suffix(".key"), stem.with_suffix(".crt")

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName]
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        )
        return builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def channel(address: str, authority: Authority, files: tuple[Path, Path] | None) -> grpc.Channel:
    key, chain = (None, None) if files is None else (path.read_bytes() for path in files)
    roots = (authority.folder / "ca.crt").read_bytes()
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(roots, key, chain))


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return str(caught.value.code().name)


def test_only_the_coordinator_may_call_and_versions_are_pulled_over_tls(authority: Authority, directory: Path) -> None:
    coordinator = authority.issue("spiffe://gapo/coordinator")
    key, chain = authority.issue("spiffe://gapo/gradient")
    other = authority.issue("spiffe://gapo/rollout")
    credentials = grpc.ssl_server_credentials(
        [(coordinator[0].read_bytes(), coordinator[1].read_bytes())],
        (authority.folder / "ca.crt").read_bytes(),
        require_client_auth=True,
    )
    policy = PolicyService(lambda number: version_messages(number, tensors_of(number)), credentials)
    files = {"TLS_KEY_FILE": key, "TLS_CERT_FILE": chain, "TLS_CA_FILE": authority.folder / "ca.crt"}
    worker = Worker(policy.address, **files)

    def identify(peer: tuple[Path, Path] | None) -> IdentifyResponse:
        with channel(worker.server.address, authority, peer) as own:
            method = f"/{WORKER_SERVICE}/Identify"
            call = own.unary_unary(method, IdentifyRequest.SerializeToString, IdentifyResponse.FromString)
            return call(IdentifyRequest(), timeout=20)

    assert identify(coordinator).instance == "instance-1"
    assert code_of(lambda: identify(other)) == "PERMISSION_DENIED"
    assert code_of(lambda: identify(None)) == "UNAVAILABLE"
    with channel(worker.server.address, authority, coordinator) as own:
        method = f"/{GRADIENT_SERVICE}/ComputeGradients"
        call = own.unary_stream(
            method, pb.ComputeGradientsRequest.SerializeToString, pb.ComputeGradientsResponse.FromString
        )
        assert len(list(call(gradient_request(reference(directory)), timeout=60))) >= 3
    worker.close()
    policy.server.stop(0).wait()


def test_names(authority: Authority) -> None:
    _, chain = authority.issue("spiffe://gapo/reward/helpful")
    names = names_of(chain.read_bytes())
    assert names == ["spiffe://gapo/reward/helpful", "localhost"]
    assert includes_name(names, "spiffe://gapo/reward")
    assert not includes_name(names, "spiffe://gapo/rew")
    assert includes_name(names, "LOCALHOST")
    assert [is_loopback(host) for host in ("127.0.0.1", "[::1]", "localhost", "0.0.0.0", "gradient")] == [
        True,
        True,
        True,
        False,
        False,
    ]
