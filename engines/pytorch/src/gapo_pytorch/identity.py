"""gapo.worker.v1: what this worker is. A coordinator refuses another release, protocol or build."""

import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers

from gapo.worker.v1.worker_pb2 import IdentifyResponse

from .errors import UserError
from .group import Group
from .settings import Settings

PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Release:
    """The release and the protocol that this package speaks; `npm run types` writes both to release.json."""

    version: str
    protocol: str


def own_release() -> Release:
    """Returns this package's release."""
    values = json.loads((PACKAGE / "release.json").read_text())
    return Release(values["version"], values["protocol"])


def build_of(package: Path, version: str) -> str:
    """Returns the release and a hash of the package's code, generated messages included."""
    digest = hashlib.sha256()
    folders = [package, package.parent / "gapo"]
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(f"{path.relative_to(package.parent).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return f"{version}+{digest.hexdigest()[:12]}"


def require_one_build(group: Group) -> None:
    """Raises UserError where the processes of a worker are of several builds: what it says of itself would be untrue."""
    builds = group.gather(build_of(PACKAGE, own_release().version))
    if len(set(builds)) > 1:
        found = ", ".join(f"{build} in process {rank}" for rank, build in enumerate(builds))
        raise UserError(
            f"the processes of this worker are of several builds: {found}; start all of them from one image"
        )


def identity(instance: str, settings: Settings, processes: int = 1) -> IdentifyResponse:
    """Returns what this process is, and what decides the last bits of its numbers."""
    release = own_release()
    cuda = settings.DEVICE == "cuda"
    return IdentifyResponse(
        instance=instance,
        version=release.version,
        protocol=release.protocol,
        build=build_of(PACKAGE, release.version),
        environment={
            "engine": "pytorch",
            "engineVersion": torch.__version__,
            "transformers": transformers.__version__,
            "processes": str(processes),
            "threads": str(settings.THREADS),
            "device": torch.cuda.get_device_name() if cuda else "cpu",
            "precision": settings.PRECISION,
            "platform": f"{platform.system().lower()}-{platform.machine()}",
            "instructions": torch.backends.cpu.get_cpu_capability(),
        },
    )
