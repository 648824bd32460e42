"""A health check of a worker, for containers: `python -m gapo_pytorch.probe [HOST:PORT]`, by default LISTEN_HEALTH.

Exits with 0 where the server answers that it is SERVING, else with 1. Engines run it again and again: it imports nothing slow.
"""

import os
import re
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

DEADLINE_SECONDS = 5.0


def problem_of(address: str) -> str | None:
    """Returns why the server at an address is not healthy; None where it is."""
    reachable = re.sub(r"^(0\.0\.0\.0|\[::\])(?=:)", "localhost", address)
    with grpc.insecure_channel(reachable, [("grpc.enable_http_proxy", 0)]) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=DEADLINE_SECONDS
            )
        except grpc.RpcError as error:
            return f"{address}: {error.details()}"
    return None if answer.status == health_pb2.HealthCheckResponse.SERVING else f"{address} is not serving"


def main() -> None:
    """Checks once."""
    address = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("LISTEN_HEALTH")
    problem = problem_of(address) if address else "neither an argument nor LISTEN_HEALTH names an address"
    if problem is not None:
        print(f"unhealthy: {problem}", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
