"""Spans of this worker, by the names that services/lib/tracing declares, in the traces of the coordinator's steps.

With tracing off (see `start_tracing`), every function here records nothing.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

POLICY_FETCH = "rl.sync"
GRADIENT_COMPUTE = "gapo.gradient.compute"
GRADIENT_LOGPROBS = "gapo.gradient.logprobs"

SYSTEM = "rl.system"
RUN_ID = "rl.run.id"
SHARD = "gapo.shard"
OBJECTIVE_COUNT = "gapo.objective.count"
POLICY_VERSION = "gapo.policy.version"
POLICY_SHA256 = "gapo.policy.sha256"
SEQUENCES = "gapo.sequences"
BYTES = "gapo.bytes"

PROTOCOL = "http/protobuf"
PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

Attributes = dict[str, str | int | float]
Metadata = Sequence[tuple[str, str | bytes]]


@contextmanager
def span(name: str, attributes: Mapping[str, str | int | float], kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Span]:
    """A span around a block. An error of the block is recorded on it."""
    tracer = trace.get_tracer("gapo")
    with tracer.start_as_current_span(name, attributes=dict(attributes), kind=kind, record_exception=False) as current:
        try:
            yield current
        except Exception as error:
            current.record_exception(error)
            current.set_status(Status(StatusCode.ERROR, str(error)))
            raise


@contextmanager
def call_span(service: str, method: str, metadata: Metadata) -> Iterator[Span]:
    """The span of a call that this worker serves, below the caller's."""
    carrier = {key: value for key, value in metadata if isinstance(value, str)}
    token = otel_context.attach(propagate.extract(carrier))
    attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
    try:
        with span(f"grpc.{service}/{method}", attributes, SpanKind.SERVER) as current:
            yield current
    finally:
        otel_context.detach(token)


def outgoing() -> Metadata:
    """The metadata that makes the active span the parent of what a called service records."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return list(carrier.items())


def tracing_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the OTEL_* variables ask for traces: an endpoint or an exporter is set, and nothing turns them off."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    if exporter == "none":
        return False
    endpoints = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return bool(exporter or any(environment.get(name, "").strip() for name in endpoints))


def start_tracing(instance: str) -> str | None:
    """Starts the SDK where the OTEL_* variables ask for traces. Returns why it does not, where they ask for what it has not."""
    if not tracing_wanted(os.environ):
        return None
    for name, supported in (("OTEL_TRACES_EXPORTER", "otlp"), *((name, PROTOCOL) for name in PROTOCOL_VARIABLES)):
        found = os.environ.get(name, "").strip()
        if found not in ("", supported):
            return f"traces are off: {name}: found '{found}', expected {supported}"
    # Imported only here: it takes a second that a worker without traces does not need.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", "").strip() or "gapo-gradient"
    resource = Resource.create({"service.name": name, "service.instance.id": instance, SYSTEM: "gapo"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return None


def stop_tracing() -> None:
    """Exports what is left."""
    shutdown = getattr(trace.get_tracer_provider(), "shutdown", None)
    if callable(shutdown):
        shutdown()
