"""The settings, environment variables as those of every worker of gapo, and the text of `--help`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from .errors import UserError

TRUE_WORDS, FALSE_WORDS = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
CHOICES = {"DEVICE": ("cpu", "cuda"), "PRECISION": ("float32", "bfloat16")}
DESCRIPTIONS = {
    "LISTEN": "The address to listen on; port 0 chooses a free port.",
    "COORDINATOR": "The coordinator that it pulls policy versions from.",
    "THREADS": "Threads of PyTorch on the CPU; by default all cores, at most 4.",
    "DEVICE": "Where PyTorch computes: cpu or cuda.",
    "PRECISION": "The type of frozen weights and matrix products: float32 or bfloat16. Adapters are float32 in either.",
    "MODEL_ROOT": "The base of relative model directories.",
    "ADDRESS_FILE": "A file that receives the actual address, written atomically.",
    "STOP_GRACE_SECONDS": "How long calls in progress may take to finish after SIGTERM.",
    "GROUP_LEASE_SECONDS": "How long a process of several may leave the others without an answer before all of them end.",
    "TLS_CERT_FILE": "A PEM file with the certificate of this process; with TLS_KEY_FILE and TLS_CA_FILE it turns on mutual TLS.",
    "TLS_KEY_FILE": "A PEM file with the private key of TLS_CERT_FILE.",
    "TLS_CA_FILE": "A PEM file of the authorities that sign the peers' certificates.",
    "TLS_TRUST_DOMAIN": "The domain of identities in certificates: URIs as spiffe://gapo/coordinator.",
    "ALLOWED_PEERS": "More peers that may call under TLS: URIs or DNS names of their certificates, separated by commas.",
    "INSECURE": "Allows addresses beyond this machine without TLS. Everyone who reaches them controls the service.",
    "LISTEN_HEALTH": "An additional address for grpc.health.v1 only, without TLS, for probes such as those of Kubernetes.",
    "LOG_LEVEL": "trace, debug, info, warn, error or fatal.",
}
UNSUPPORTED = {"LISTEN_METRICS": "this worker serves no metrics; its spans are exported over OTLP"}


@dataclass(frozen=True)
class Settings:
    """See DESCRIPTIONS."""

    LISTEN: str = "127.0.0.1:50052"
    COORDINATOR: str = "127.0.0.1:50050"
    THREADS: int = min(os.cpu_count() or 1, 4)
    DEVICE: str = "cpu"
    PRECISION: str = "float32"
    MODEL_ROOT: Path = Path()
    ADDRESS_FILE: Path | None = None
    STOP_GRACE_SECONDS: float = 8.0
    GROUP_LEASE_SECONDS: float = 120.0
    TLS_CERT_FILE: Path | None = None
    TLS_KEY_FILE: Path | None = None
    TLS_CA_FILE: Path | None = None
    TLS_TRUST_DOMAIN: str = "gapo"
    ALLOWED_PEERS: tuple[str, ...] = ()
    INSECURE: bool = False
    LISTEN_HEALTH: str | None = None
    LOG_LEVEL: str = "info"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads settings. A variable that is unset or empty has its default.

    Raises UserError that names every invalid variable, what was found and what is expected.
    """
    problems = [f"{name}: {why}" for name, why in UNSUPPORTED.items() if environment.get(name, "").strip()]
    values: dict[str, Any] = {}
    hints = get_type_hints(Settings)
    for field in fields(Settings):
        text = environment.get(field.name, "").strip()
        if not text:
            continue
        try:
            values[field.name] = _parsed(field.name, hints[field.name], text)
        except ValueError as error:
            problems.append(f"{field.name}: found '{text}', expected {error}")
    tls = ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE")
    missing = [name for name in tls if name not in values]
    if 0 < len(missing) < len(tls):
        problems.append(f"{missing[0]}: not set; mutual TLS needs {', '.join(tls)}")
    if problems:
        raise UserError("environment: " + "; ".join(problems))
    return Settings(**values)


def _parsed(name: str, kind: object, text: str) -> Any:
    if name in CHOICES:
        if text not in CHOICES[name]:
            raise ValueError(" or ".join(CHOICES[name]))
        return text
    if kind is int:
        if not text.isdecimal() or int(text) < 1:
            raise ValueError("an integer of at least 1")
        return int(text)
    if kind is float:
        return _positive(text)
    if kind is bool:
        if text.lower() not in TRUE_WORDS + FALSE_WORDS:
            raise ValueError("true or false")
        return text.lower() in TRUE_WORDS
    if kind in (Path, Path | None):
        return Path(text)
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(","))
    return text


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise ValueError("a finite number over 0")
    return value


def help_text() -> str:
    """The text of `--help`."""
    lines = [
        "gapo-pytorch: serves gapo.gradient.v1 with PyTorch, in place of a native gradient worker.",
        "",
        "Settings are environment variables:",
        "",
    ]
    for field in fields(Settings):
        default = "" if field.default in (None, ()) else f" [{field.default}]"
        lines.append(f"  {field.name:<20} {DESCRIPTIONS[field.name]}{default}")
    example = "COORDINATOR=127.0.0.1:50050 LISTEN=127.0.0.1:50052 gapo-pytorch"
    return "\n".join([*lines, "", "Example:", "", f"  {example}", ""])
