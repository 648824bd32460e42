from gapo.tensor.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrainingMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRAINING_MODE_UNSPECIFIED: _ClassVar[TrainingMode]
    TRAINING_MODE_LORA: _ClassVar[TrainingMode]
    TRAINING_MODE_FULL: _ClassVar[TrainingMode]

class Precision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRECISION_UNSPECIFIED: _ClassVar[Precision]
    PRECISION_F32: _ClassVar[Precision]
    PRECISION_F16: _ClassVar[Precision]
TRAINING_MODE_UNSPECIFIED: TrainingMode
TRAINING_MODE_LORA: TrainingMode
TRAINING_MODE_FULL: TrainingMode
PRECISION_UNSPECIFIED: Precision
PRECISION_F32: Precision
PRECISION_F16: Precision

class Computation(_message.Message):
    __slots__ = ("precision", "memory_budget", "recompute")
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BUDGET_FIELD_NUMBER: _ClassVar[int]
    RECOMPUTE_FIELD_NUMBER: _ClassVar[int]
    precision: Precision
    memory_budget: int
    recompute: bool
    def __init__(self, precision: _Optional[_Union[Precision, str]] = ..., memory_budget: _Optional[int] = ..., recompute: _Optional[bool] = ...) -> None: ...

class LoraException(_message.Message):
    __slots__ = ("module", "rank", "alpha")
    MODULE_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    module: str
    rank: int
    alpha: float
    def __init__(self, module: _Optional[str] = ..., rank: _Optional[int] = ..., alpha: _Optional[float] = ...) -> None: ...

class PolicySpec(_message.Message):
    __slots__ = ("model", "model_sha256", "mode", "lora_rank", "lora_alpha", "lora_targets", "value_heads", "computation", "ignore_keys", "lora_exceptions")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_SHA256_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    LORA_RANK_FIELD_NUMBER: _ClassVar[int]
    LORA_ALPHA_FIELD_NUMBER: _ClassVar[int]
    LORA_TARGETS_FIELD_NUMBER: _ClassVar[int]
    VALUE_HEADS_FIELD_NUMBER: _ClassVar[int]
    COMPUTATION_FIELD_NUMBER: _ClassVar[int]
    IGNORE_KEYS_FIELD_NUMBER: _ClassVar[int]
    LORA_EXCEPTIONS_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_sha256: str
    mode: TrainingMode
    lora_rank: int
    lora_alpha: float
    lora_targets: _containers.RepeatedScalarFieldContainer[str]
    value_heads: int
    computation: Computation
    ignore_keys: _containers.RepeatedScalarFieldContainer[str]
    lora_exceptions: _containers.RepeatedCompositeFieldContainer[LoraException]
    def __init__(self, model: _Optional[str] = ..., model_sha256: _Optional[str] = ..., mode: _Optional[_Union[TrainingMode, str]] = ..., lora_rank: _Optional[int] = ..., lora_alpha: _Optional[float] = ..., lora_targets: _Optional[_Iterable[str]] = ..., value_heads: _Optional[int] = ..., computation: _Optional[_Union[Computation, _Mapping]] = ..., ignore_keys: _Optional[_Iterable[str]] = ..., lora_exceptions: _Optional[_Iterable[_Union[LoraException, _Mapping]]] = ...) -> None: ...

class PolicyRef(_message.Message):
    __slots__ = ("run_id", "version", "spec")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    version: int
    spec: PolicySpec
    def __init__(self, run_id: _Optional[str] = ..., version: _Optional[int] = ..., spec: _Optional[_Union[PolicySpec, _Mapping]] = ...) -> None: ...

class GetVersionRequest(_message.Message):
    __slots__ = ("run_id", "version")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    version: int
    def __init__(self, run_id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class VersionHeader(_message.Message):
    __slots__ = ("run_id", "version", "sha256", "tensors")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    version: int
    sha256: str
    tensors: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.TensorHeader]
    def __init__(self, run_id: _Optional[str] = ..., version: _Optional[int] = ..., sha256: _Optional[str] = ..., tensors: _Optional[_Iterable[_Union[_tensor_pb2.TensorHeader, _Mapping]]] = ...) -> None: ...

class GetVersionResponse(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: VersionHeader
    chunk: _tensor_pb2.TensorChunk
    def __init__(self, header: _Optional[_Union[VersionHeader, _Mapping]] = ..., chunk: _Optional[_Union[_tensor_pb2.TensorChunk, _Mapping]] = ...) -> None: ...
