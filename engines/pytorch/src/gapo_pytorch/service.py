"""gapo.gradient.v1 and gapo.worker.v1: reads requests, pulls versions, computes, and streams the gradients."""

from collections.abc import Callable, Iterator
from functools import partial
from logging import Logger
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from gapo.gradient.v1 import gradient_pb2 as pb
from gapo.tensor.v1.tensor_pb2 import DATA_TYPE_F32, DATA_TYPE_F64
from gapo.worker.v1.worker_pb2 import IdentifyRequest, IdentifyResponse

from . import tracing
from .engines import Engines, refuse_if
from .errors import RpcError
from .gradients.engine import ShardGradients
from .gradients.shard import REGULARIZER, Shard, Source, read_sequences, read_shard, read_temperature
from .jobs import Gradients, Gram, LogProbs
from .policy.spec import RequestedPolicy, requested_policy
from .policy.versions import VersionStore
from .wire.tensors import chunks, header_of, to_tensor

GRADIENT_SERVICE = "gapo.gradient.v1.GradientService"
WORKER_SERVICE = "gapo.worker.v1.WorkerService"

Context = Any
"""grpc.ServicerContext."""


Admission = Callable[[str, Context], None]
"""Checks whether the peer of a call may call a service. Raises RpcError PERMISSION_DENIED."""


class GradientService:
    """The handlers of both services."""

    def __init__(self, engines: Engines, versions: VersionStore, identity: IdentifyResponse) -> None:
        """The identity's instance is the one that requests may name."""
        self._engines = engines
        self._versions = versions
        self._identity = identity

    def identify(self, _: IdentifyRequest, __: Context) -> IdentifyResponse:
        """WorkerService/Identify."""
        return self._identity

    def log_probs(self, request: pb.LogProbsRequest, context: Context) -> pb.LogProbsResponse:
        """GradientService/LogProbs."""
        self._assert_meant(request.instance)
        policy = requested_policy(request.policy if request.HasField("policy") else None)
        sequences = read_sequences(request.sequences)
        temperature = read_temperature(request.temperature, "temperature")
        proceed = refuse_if(lambda: not context.is_active())
        shapes = self._engines.shapes(policy.engine, proceed)
        held = self._versions.get(policy.run_id, policy.version, shapes)
        if request.next_version > 0:
            self._versions.expect(policy.run_id, request.next_version, shapes)

        span = partial(tracing.span, tracing.GRADIENT_LOGPROBS, _attributes(policy, len(sequences)))
        logprobs, values = self._engines.run(policy.engine, held, LogProbs(sequences, temperature), proceed, span)
        response = pb.LogProbsResponse(logprobs=to_tensor("logprobs", logprobs))
        if values is not None:
            response.values.CopyFrom(to_tensor("values", values))
        return response

    def compute_gradients(
        self, request: pb.ComputeGradientsRequest, context: Context
    ) -> Iterator[pb.ComputeGradientsResponse]:
        """GradientService/ComputeGradients. What it returns only reads memory."""
        self._assert_meant(request.instance)
        policy = requested_policy(request.policy if request.HasField("policy") else None)
        shard = read_shard(request, policy.engine.value_heads)
        proceed = refuse_if(lambda: not context.is_active())
        shapes = self._engines.shapes(policy.engine, proceed)
        held = self._versions.get(policy.run_id, policy.version, shapes)
        attributes = _attributes(policy, len(shard.sequences))
        attributes |= {tracing.SHARD: request.shard, tracing.OBJECTIVE_COUNT: len(shard.objectives)}

        span = partial(tracing.span, tracing.GRADIENT_COMPUTE, attributes)
        if shard.source is Source.LOGITS:
            return _gram(shard, self._engines.run(policy.engine, held, Gram(shard), proceed, span))
        return _gradients(shard, self._engines.run(policy.engine, held, Gradients(shard), proceed, span))

    def _assert_meant(self, instance: str) -> None:
        if instance not in ("", self._identity.instance):
            raise RpcError(
                grpc.StatusCode.ABORTED,
                "the worker was restarted since it was identified; identify it again, then retry",
            )


def handlers(service: GradientService, admit: Admission, log: Logger) -> list[Any]:
    """Returns the generic handlers of both services for a gRPC server."""

    def unary(name: str, method: str, function: Callable[..., Any], request: Any, response: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            partial(_answer, name, method, function, admit, log),
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )

    compute = grpc.unary_stream_rpc_method_handler(
        partial(_stream, GRADIENT_SERVICE, "ComputeGradients", service.compute_gradients, admit, log),
        request_deserializer=pb.ComputeGradientsRequest.FromString,
        response_serializer=pb.ComputeGradientsResponse.SerializeToString,
    )
    log_probs = unary(GRADIENT_SERVICE, "LogProbs", service.log_probs, pb.LogProbsRequest, pb.LogProbsResponse)
    identify = unary(WORKER_SERVICE, "Identify", service.identify, IdentifyRequest, IdentifyResponse)
    return [
        grpc.method_handlers_generic_handler(GRADIENT_SERVICE, {"LogProbs": log_probs, "ComputeGradients": compute}),
        grpc.method_handlers_generic_handler(WORKER_SERVICE, {"Identify": identify}),
    ]


def _answer(
    service: str,
    method: str,
    function: Callable[[Any, Context], Any],
    admit: Admission,
    log: Logger,
    request: Any,
    context: Context,
) -> Any:
    try:
        admit(service, context)
        with tracing.call_span(service, method, context.invocation_metadata()):
            return function(request, context)
    except Exception as error:
        _abort(context, error, f"{service}/{method}", log)


def _stream(
    service: str,
    method: str,
    function: Callable[[Any, Context], Iterator[Any]],
    admit: Admission,
    log: Logger,
    request: Any,
    context: Context,
) -> Iterator[Any]:
    try:
        admit(service, context)
        with tracing.call_span(service, method, context.invocation_metadata()):
            messages = function(request, context)
        yield from messages
    except Exception as error:
        _abort(context, error, f"{service}/{method}", log)


def _abort(context: Context, error: Exception, call: str, log: Logger) -> None:
    """Ends a call with an error's code and message. An error without a code is a defect, whose stack is logged."""
    if isinstance(error, RpcError):
        context.abort(error.code, error.details)
    log.error("%s failed: %s", call, error, exc_info=error)
    context.abort(grpc.StatusCode.INTERNAL, str(error) or type(error).__name__)


def _attributes(policy: RequestedPolicy, sequences: int) -> tracing.Attributes:
    return {tracing.RUN_ID: policy.run_id, tracing.POLICY_VERSION: policy.version, tracing.SEQUENCES: sequences}


def _gradients(shard: Shard, found: ShardGradients) -> Iterator[pb.ComputeGradientsResponse]:
    """A shard's gradients as messages: a header, the bytes, the statistics."""
    flat = [*found.objectives, *([] if found.regularizer is None else [found.regularizer])]
    names = [*shard.objectives, REGULARIZER]
    header = pb.GradientHeader(
        tensors=[header_of(name, DATA_TYPE_F32, [own.size]) for name, own in zip(names, flat, strict=False)],
        parameters=[header_of(name, DATA_TYPE_F32, shape) for name, shape in found.parameters.items()],
    )
    counted = found.statistics
    statistics = pb.GradientStatistics(
        tokens=counted.tokens,
        kl_sum=counted.kl_sum,
        entropy_sum=counted.entropy_sum,
        clipped=counted.clipped.tolist(),
        max_logprob_gap=counted.max_logprob_gap,
        value_loss_sum=counted.value_loss_sum.tolist(),
    )
    return _messages(header, flat, statistics)


def _gram(shard: Shard, gram: NDArray[np.float64]) -> Iterator[pb.ComputeGradientsResponse]:
    tokens = sum(len(sequence.completion) for sequence in shard.sequences)
    header = pb.GradientHeader(tensors=[header_of("gram", DATA_TYPE_F64, gram.shape)])
    return _messages(header, [gram], pb.GradientStatistics(tokens=tokens))


def _messages(
    header: pb.GradientHeader, arrays: list[Any], statistics: pb.GradientStatistics
) -> Iterator[pb.ComputeGradientsResponse]:
    yield pb.ComputeGradientsResponse(header=header)
    for chunk in chunks(arrays):
        yield pb.ComputeGradientsResponse(chunk=chunk)
    yield pb.ComputeGradientsResponse(statistics=statistics)
