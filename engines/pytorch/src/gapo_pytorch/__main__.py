"""The process: reads settings, wires, serves until SIGTERM or SIGINT, and stops in order.

Exit codes: 0 stopped as asked; 1 a defect, whose stack is on stderr; 2 an expected error, whose message is on stderr; 130 and
143 a second signal ended it before it had stopped.
"""

import os
import signal
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from types import FrameType

from .engines import Engines
from .errors import UserError
from .group import own_group
from .identity import identity, require_one_build
from .log import make_logger
from .peers import admission, coordinator_channel, require_secure_address
from .policy.versions import VersionStore
from .server import CHANNEL_OPTIONS, HealthServer, WorkerServer
from .service import GRADIENT_SERVICE, WORKER_SERVICE, GradientService, handlers
from .settings import Settings, help_text, read_settings
from .tracing import start_tracing, stop_tracing


def main() -> None:
    """Runs the worker."""
    arguments = sys.argv[1:]
    if arguments == ["--help"]:
        print(help_text(), end="")
        return
    try:
        if arguments:
            raise UserError(
                f"found the argument '{arguments[0]}', expected none but --help; settings are environment variables"
            )
        serve(read_settings(os.environ))
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def serve(settings: Settings) -> None:
    """Serves until a signal."""
    began = time.monotonic()
    log = make_logger(settings.LOG_LEVEL)
    require_secure_address(settings)
    asked = _stop_signal()
    group, device = own_group(settings.DEVICE, settings.GROUP_LEASE_SECONDS)
    require_one_build(group)
    engines = Engines(settings, group, device)
    if group.rank > 0:
        probed: HealthServer | None = None  # held, since what nobody holds stops
        if settings.LISTEN_HEALTH is not None and group.speaks_for_machine:
            probed = HealthServer(settings.LISTEN_HEALTH)
        engines.follow()
        if probed is not None:
            probed.stop()
        os._exit(0)
    instance = str(uuid.uuid4())
    problem = start_tracing(instance)
    if problem is not None:
        log.warning("%s", problem)
    versions = VersionStore(settings.COORDINATOR, lambda: coordinator_channel(settings, CHANNEL_OPTIONS))
    service = GradientService(engines, versions, identity(instance, settings, group.size))
    server = WorkerServer(settings, handlers(service, admission(settings), log), [GRADIENT_SERVICE, WORKER_SERVICE])
    if settings.ADDRESS_FILE is not None:
        _write_atomically(settings.ADDRESS_FILE, server.address)
    fields = {"address": server.address, "pid": os.getpid()}
    log.info("ready after %d ms", 1000 * (time.monotonic() - began), extra={"fields": fields})
    asked.wait()
    log.info("stopping")
    server.stop(settings.STOP_GRACE_SECONDS)
    versions.close()
    if group.size > 1:
        engines.close()
    stop_tracing()
    log.info("stopped")
    # A task that outlasted the grace time is abandoned by a process alone: its caller has its answer.
    sys.stderr.flush()
    os._exit(0)


def _stop_signal() -> threading.Event:
    """Returns an event that the first SIGTERM or SIGINT sets; the second ends the process."""
    asked = threading.Event()

    def stop(number: int, _: FrameType | None) -> None:
        if asked.is_set():
            os._exit(128 + number)
        asked.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    return asked


def _write_atomically(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)


if __name__ == "__main__":
    main()
