from gapo.policy.v1 import policy_pb2 as _policy_pb2
from gapo.tensor.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GradientSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRADIENT_SOURCE_UNSPECIFIED: _ClassVar[GradientSource]
    GRADIENT_SOURCE_EXACT: _ClassVar[GradientSource]
    GRADIENT_SOURCE_LAST_LAYER: _ClassVar[GradientSource]
    GRADIENT_SOURCE_LOGITS: _ClassVar[GradientSource]
    GRADIENT_SOURCE_PROJECTION: _ClassVar[GradientSource]
GRADIENT_SOURCE_UNSPECIFIED: GradientSource
GRADIENT_SOURCE_EXACT: GradientSource
GRADIENT_SOURCE_LAST_LAYER: GradientSource
GRADIENT_SOURCE_LOGITS: GradientSource
GRADIENT_SOURCE_PROJECTION: GradientSource

class Sequence(_message.Message):
    __slots__ = ("prompt_ids", "completion_ids")
    PROMPT_IDS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_IDS_FIELD_NUMBER: _ClassVar[int]
    prompt_ids: _containers.RepeatedScalarFieldContainer[int]
    completion_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, prompt_ids: _Optional[_Iterable[int]] = ..., completion_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class LogProbsRequest(_message.Message):
    __slots__ = ("policy", "sequences", "temperature", "next_version", "instance")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    NEXT_VERSION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    policy: _policy_pb2.PolicyRef
    sequences: _containers.RepeatedCompositeFieldContainer[Sequence]
    temperature: float
    next_version: int
    instance: str
    def __init__(self, policy: _Optional[_Union[_policy_pb2.PolicyRef, _Mapping]] = ..., sequences: _Optional[_Iterable[_Union[Sequence, _Mapping]]] = ..., temperature: _Optional[float] = ..., next_version: _Optional[int] = ..., instance: _Optional[str] = ...) -> None: ...

class LogProbsResponse(_message.Message):
    __slots__ = ("logprobs", "values")
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    logprobs: _tensor_pb2.Tensor
    values: _tensor_pb2.Tensor
    def __init__(self, logprobs: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., values: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class LossSpec(_message.Message):
    __slots__ = ("clip_range", "kl_coefficient", "entropy_coefficient", "value_coefficient", "value_clip", "denominator", "objectives", "temperature", "source", "projection_dimensions", "projection_seed")
    CLIP_RANGE_FIELD_NUMBER: _ClassVar[int]
    KL_COEFFICIENT_FIELD_NUMBER: _ClassVar[int]
    ENTROPY_COEFFICIENT_FIELD_NUMBER: _ClassVar[int]
    VALUE_COEFFICIENT_FIELD_NUMBER: _ClassVar[int]
    VALUE_CLIP_FIELD_NUMBER: _ClassVar[int]
    DENOMINATOR_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PROJECTION_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    PROJECTION_SEED_FIELD_NUMBER: _ClassVar[int]
    clip_range: float
    kl_coefficient: float
    entropy_coefficient: float
    value_coefficient: float
    value_clip: float
    denominator: float
    objectives: _containers.RepeatedScalarFieldContainer[str]
    temperature: float
    source: GradientSource
    projection_dimensions: int
    projection_seed: int
    def __init__(self, clip_range: _Optional[float] = ..., kl_coefficient: _Optional[float] = ..., entropy_coefficient: _Optional[float] = ..., value_coefficient: _Optional[float] = ..., value_clip: _Optional[float] = ..., denominator: _Optional[float] = ..., objectives: _Optional[_Iterable[str]] = ..., temperature: _Optional[float] = ..., source: _Optional[_Union[GradientSource, str]] = ..., projection_dimensions: _Optional[int] = ..., projection_seed: _Optional[int] = ...) -> None: ...

class ComputeGradientsRequest(_message.Message):
    __slots__ = ("policy", "sequences", "loss", "advantages", "old_logprobs", "reference_logprobs", "old_values", "returns", "shard", "instance")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    ADVANTAGES_FIELD_NUMBER: _ClassVar[int]
    OLD_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    OLD_VALUES_FIELD_NUMBER: _ClassVar[int]
    RETURNS_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    policy: _policy_pb2.PolicyRef
    sequences: _containers.RepeatedCompositeFieldContainer[Sequence]
    loss: LossSpec
    advantages: _tensor_pb2.Tensor
    old_logprobs: _tensor_pb2.Tensor
    reference_logprobs: _tensor_pb2.Tensor
    old_values: _tensor_pb2.Tensor
    returns: _tensor_pb2.Tensor
    shard: int
    instance: str
    def __init__(self, policy: _Optional[_Union[_policy_pb2.PolicyRef, _Mapping]] = ..., sequences: _Optional[_Iterable[_Union[Sequence, _Mapping]]] = ..., loss: _Optional[_Union[LossSpec, _Mapping]] = ..., advantages: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., old_logprobs: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., reference_logprobs: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., old_values: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., returns: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., shard: _Optional[int] = ..., instance: _Optional[str] = ...) -> None: ...

class GradientHeader(_message.Message):
    __slots__ = ("tensors", "parameters")
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    tensors: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.TensorHeader]
    parameters: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.TensorHeader]
    def __init__(self, tensors: _Optional[_Iterable[_Union[_tensor_pb2.TensorHeader, _Mapping]]] = ..., parameters: _Optional[_Iterable[_Union[_tensor_pb2.TensorHeader, _Mapping]]] = ...) -> None: ...

class GradientStatistics(_message.Message):
    __slots__ = ("tokens", "kl_sum", "entropy_sum", "clipped", "max_logprob_gap", "value_loss_sum")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    KL_SUM_FIELD_NUMBER: _ClassVar[int]
    ENTROPY_SUM_FIELD_NUMBER: _ClassVar[int]
    CLIPPED_FIELD_NUMBER: _ClassVar[int]
    MAX_LOGPROB_GAP_FIELD_NUMBER: _ClassVar[int]
    VALUE_LOSS_SUM_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    kl_sum: float
    entropy_sum: float
    clipped: _containers.RepeatedScalarFieldContainer[float]
    max_logprob_gap: float
    value_loss_sum: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, tokens: _Optional[int] = ..., kl_sum: _Optional[float] = ..., entropy_sum: _Optional[float] = ..., clipped: _Optional[_Iterable[float]] = ..., max_logprob_gap: _Optional[float] = ..., value_loss_sum: _Optional[_Iterable[float]] = ...) -> None: ...

class ComputeGradientsResponse(_message.Message):
    __slots__ = ("header", "chunk", "statistics")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    header: GradientHeader
    chunk: _tensor_pb2.TensorChunk
    statistics: GradientStatistics
    def __init__(self, header: _Optional[_Union[GradientHeader, _Mapping]] = ..., chunk: _Optional[_Union[_tensor_pb2.TensorChunk, _Mapping]] = ..., statistics: _Optional[_Union[GradientStatistics, _Mapping]] = ...) -> None: ...
