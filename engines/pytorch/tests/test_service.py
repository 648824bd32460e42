"""The service over gRPC: real versions pulled from a policy service, every refusal, and the life of the process."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from logging import getLogger
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import torch
from conftest import SEQUENCES, TOKENS, lora_of, make_shard, random_version, tiny_model
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gapo.gradient.v1 import gradient_pb2 as pb
from gapo.policy.v1.policy_pb2 import (
    TRAINING_MODE_FULL,
    TRAINING_MODE_LORA,
    GetVersionRequest,
    GetVersionResponse,
    PolicyRef,
    PolicySpec,
    VersionHeader,
)
from gapo.tensor.v1.tensor_pb2 import DATA_TYPE_F32, DATA_TYPE_F64, Tensor, TensorChunk, TensorHeader
from gapo.worker.v1.worker_pb2 import IdentifyRequest, IdentifyResponse
from gapo_pytorch.engines import Engines
from gapo_pytorch.gradients.engine import GradientEngine
from gapo_pytorch.identity import PACKAGE, build_of, identity, own_release
from gapo_pytorch.peers import admission, coordinator_channel
from gapo_pytorch.policy.decoder import Decoder
from gapo_pytorch.policy.model import sha256_of
from gapo_pytorch.policy.versions import VersionStore
from gapo_pytorch.server import CHANNEL_OPTIONS, WorkerServer
from gapo_pytorch.service import GRADIENT_SERVICE, WORKER_SERVICE, GradientService, handlers
from gapo_pytorch.settings import Settings
from gapo_pytorch.wire.tensors import Assembler, chunks, to_tensor

RUN = "tiny-run"


class PolicyService:
    """A coordinator's policy service: streams what `messages` returns for a version."""

    def __init__(self, messages: Callable[[int], Iterator[GetVersionResponse]], credentials: Any = None) -> None:
        self.pulls: list[int] = []
        self.messages = messages
        self.server = grpc.server(ThreadPoolExecutor(8))
        handler = grpc.unary_stream_rpc_method_handler(
            self._get, GetVersionRequest.FromString, GetVersionResponse.SerializeToString
        )
        table = {"GetVersion": handler}
        self.server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("gapo.policy.v1.PolicyService", table)]
        )
        listen = self.server.add_insecure_port if credentials is None else self.server.add_secure_port
        port = listen("127.0.0.1:0", *([] if credentials is None else [credentials]))
        self.address = f"127.0.0.1:{port}"
        self.server.start()

    def _get(self, request: GetVersionRequest, context: Any) -> Iterator[GetVersionResponse]:
        self.pulls.append(request.version)
        if request.version >= 100:
            context.abort(grpc.StatusCode.NOT_FOUND, f"version {request.version} is not held")
        yield from self.messages(request.version)


def version_messages(number: int, tensors: dict[str, np.ndarray]) -> Iterator[GetVersionResponse]:
    headers = [TensorHeader(name=n, dtype=DATA_TYPE_F32, shape=v.shape) for n, v in tensors.items()]
    sha256 = hashlib.sha256(b"".join(v.tobytes() for v in tensors.values())).hexdigest()
    header = VersionHeader(run_id=RUN, version=number, sha256=sha256, tensors=headers)
    yield GetVersionResponse(header=header)
    for chunk in chunks(tensors.values(), 1000):
        yield GetVersionResponse(chunk=chunk)


class Worker:
    """A worker in this process."""

    def __init__(self, coordinator: str, **settings: Any) -> None:
        own = Settings(LISTEN="127.0.0.1:0", COORDINATOR=coordinator, THREADS=1, **settings)
        self.engines = Engines(own)
        connect = lambda: coordinator_channel(own, CHANNEL_OPTIONS)  # noqa: E731
        self.versions = VersionStore(coordinator, connect, stall_seconds=1.5)
        service = GradientService(self.engines, self.versions, identity("instance-1", own))
        both = handlers(service, admission(own), getLogger("test"))
        self.server = WorkerServer(own, both, [GRADIENT_SERVICE, WORKER_SERVICE])
        self.channel = grpc.insecure_channel(self.server.address)

    def log_probs(self, request: pb.LogProbsRequest) -> pb.LogProbsResponse:
        return self._unary("LogProbs", pb.LogProbsRequest, pb.LogProbsResponse)(request, timeout=60)

    def identify(self) -> IdentifyResponse:
        method = f"/{WORKER_SERVICE}/Identify"
        call = self.channel.unary_unary(method, IdentifyRequest.SerializeToString, IdentifyResponse.FromString)
        return call(IdentifyRequest(), timeout=60)

    def gradients(self, request: pb.ComputeGradientsRequest, timeout: float = 60) -> list[pb.ComputeGradientsResponse]:
        call = self.channel.unary_stream(
            f"/{GRADIENT_SERVICE}/ComputeGradients",
            pb.ComputeGradientsRequest.SerializeToString,
            pb.ComputeGradientsResponse.FromString,
        )
        return list(call(request, timeout=timeout))

    def _unary(self, method: str, request: Any, response: Any) -> Any:
        return self.channel.unary_unary(f"/{GRADIENT_SERVICE}/{method}", request.SerializeToString, response.FromString)

    def close(self) -> None:
        self.channel.close()
        self.server.stop(5)
        self.versions.close()
        self.engines.close()


def reference(directory: Path, version: int = 1, **changes: Any) -> PolicyRef:
    lora = lora_of("llama")
    spec = PolicySpec(
        model=str(directory),
        model_sha256=sha256_of([directory / "model.safetensors"]),
        mode=TRAINING_MODE_LORA,
        lora_rank=lora.rank,
        lora_alpha=lora.alpha,
        lora_targets=lora.targets,
    )
    for name, value in changes.items():
        if isinstance(value, list):
            del getattr(spec, name)[:]
            getattr(spec, name).extend(value)
        else:
            setattr(spec, name, value)
    return PolicyRef(run_id=RUN, version=version, spec=spec)


def shapes() -> dict[str, tuple[int, ...]]:
    return Decoder(tiny_model("llama", torch.float32), lora_of("llama"), 0).shapes


def tensors_of(number: int) -> dict[str, np.ndarray]:
    return {name: values * (1 + number) for name, values in random_version(shapes(), 0.1).items()}


@pytest.fixture(scope="module")
def policy() -> Iterator[PolicyService]:
    service = PolicyService(lambda number: version_messages(number, tensors_of(number)))
    yield service
    service.server.stop(0).wait()


@pytest.fixture(scope="module")
def worker(policy: PolicyService) -> Iterator[Worker]:
    own = Worker(policy.address)
    yield own
    own.close()


def on_the_wire(sequences: Any = SEQUENCES) -> list[pb.Sequence]:
    return [pb.Sequence(prompt_ids=s.prompt, completion_ids=s.completion) for s in sequences]


def gradient_request(policy: PolicyRef) -> pb.ComputeGradientsRequest:
    shard = make_shard()
    assert shard.reference_logprobs is not None
    return pb.ComputeGradientsRequest(
        policy=policy,
        sequences=on_the_wire(),
        loss=pb.LossSpec(
            clip_range=0.2,
            kl_coefficient=0.3,
            entropy_coefficient=0.1,
            denominator=TOKENS,
            objectives=shard.objectives,
            temperature=0.8,
        ),
        advantages=to_tensor("advantages", shard.advantages),
        old_logprobs=to_tensor("old", shard.old_logprobs),
        reference_logprobs=to_tensor("reference", shard.reference_logprobs),
        shard=3,
    )


def failure(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code().name, caught.value.details()


def proceed() -> None:
    pass


class TestAnswers:
    def test_log_probabilities_are_the_engines(self, worker: Worker, directory: Path) -> None:
        request = pb.LogProbsRequest(policy=reference(directory), sequences=on_the_wire(), temperature=0.8)
        answer = worker.log_probs(request)
        model = tiny_model("llama", torch.float32)
        engine = GradientEngine(Decoder(model, lora_of("llama"), 0), model.config, 2048)
        engine.load("1", tensors_of(1))
        right, _ = engine.log_probs(SEQUENCES, 0.8, proceed)
        assert list(answer.logprobs.header.shape) == [TOKENS]
        np.testing.assert_array_equal(np.frombuffer(answer.logprobs.data, np.float32), right)
        assert not answer.HasField("values")

    def test_gradients_are_a_header_bytes_and_statistics(self, worker: Worker, directory: Path) -> None:
        messages = worker.gradients(gradient_request(reference(directory)))
        header = messages[0].header
        size = sum(int(np.prod(shape)) for shape in shapes().values())
        assert [(t.name, list(t.shape)) for t in header.tensors] == [
            *((f"objective {k}", [size]) for k in range(3)),
            ("regularizer", [size]),
        ]
        assert {t.name: tuple(t.shape) for t in header.parameters} == shapes()
        data = b"".join(m.chunk.data for m in messages[1:-1])
        assembler = Assembler(header.tensors, hashlib.sha256(data).hexdigest(), "gradients", 2**30)
        for message in messages[1:-1]:
            assembler.add(message.chunk)
        assert all(np.linalg.norm(gradient) > 0 for gradient in assembler.finish().values())
        statistics = messages[-1].statistics
        assert statistics.tokens == TOKENS
        assert statistics.entropy_sum > 0
        assert len(statistics.clipped) == 3

    def test_a_version_is_pulled_once_and_the_next_one_ahead(self, policy: PolicyService, directory: Path) -> None:
        own = Worker(policy.address)
        policy.pulls.clear()
        request = pb.LogProbsRequest(
            policy=reference(directory, 4), sequences=on_the_wire(), temperature=1, next_version=5
        )
        for _ in range(3):
            own.log_probs(request)
        own.log_probs(pb.LogProbsRequest(policy=reference(directory, 5), sequences=on_the_wire(), temperature=1))
        own.close()
        assert sorted(policy.pulls) == [4, 5]

    def test_identity(self, worker: Worker) -> None:
        found = worker.identify()
        release = own_release()
        assert (found.instance, found.version, found.protocol) == ("instance-1", release.version, release.protocol)
        assert found.build == build_of(PACKAGE, release.version)
        assert found.environment["engine"] == "pytorch"
        assert found.environment["engineVersion"] == torch.__version__

    def test_health(self, worker: Worker) -> None:
        stub = health_pb2_grpc.HealthStub(worker.channel)
        for name in ("", GRADIENT_SERVICE, WORKER_SERVICE):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def with_loss(**changes: Any) -> Callable[[pb.ComputeGradientsRequest], None]:
    def change(request: pb.ComputeGradientsRequest) -> None:
        for name, value in changes.items():
            if isinstance(value, list):
                del getattr(request.loss, name)[:]
                getattr(request.loss, name).extend(value)
            else:
                setattr(request.loss, name, value)

    return change


def with_tensor(field: str, values: np.ndarray) -> Callable[[pb.ComputeGradientsRequest], None]:
    return lambda request: getattr(request, field).CopyFrom(to_tensor(field, values.astype(np.float32)))


def doubles(request: pb.ComputeGradientsRequest) -> None:
    request.old_logprobs.CopyFrom(
        Tensor(header=TensorHeader(name="old", dtype=DATA_TYPE_F64, shape=[1]), data=b"\0" * 8)
    )


def cut(request: pb.ComputeGradientsRequest) -> None:
    request.old_logprobs.data = request.old_logprobs.data[:-4]


REFUSALS: dict[str, tuple[Callable[[pb.ComputeGradientsRequest], object], str]] = {
    "no policy": (lambda r: r.ClearField("policy"), "policy is not set"),
    "no run": (lambda r: r.policy.ClearField("run_id"), "policy.run_id is empty"),
    "no specification": (lambda r: r.policy.ClearField("spec"), "policy.spec is not set"),
    "no model": (lambda r: r.policy.spec.ClearField("model"), "policy.spec.model is empty"),
    "no mode": (lambda r: r.policy.spec.ClearField("mode"), "policy.spec.mode is TRAINING_MODE_UNSPECIFIED"),
    "no rank": (lambda r: r.policy.spec.ClearField("lora_rank"), "policy.spec.lora_rank is 0"),
    "no alpha": (lambda r: r.policy.spec.ClearField("lora_alpha"), "policy.spec.lora_alpha is 0"),
    "no targets": (lambda r: r.policy.spec.ClearField("lora_targets"), "policy.spec.lora_targets is empty"),
    "a target that no module has": (
        lambda r: r.policy.spec.lora_targets.append("w_pack"),
        "policy.spec.lora_targets has 'w_pack'",
    ),
    "an exception without a rank": (
        lambda r: r.policy.spec.lora_exceptions.add(module="model.layers.0.self_attn.q_proj", alpha=1),
        "policy.spec.lora_exceptions has rank 0",
    ),
    "no sequences": (lambda r: r.ClearField("sequences"), "sequences is empty"),
    "an empty prompt": (lambda r: r.sequences[1].ClearField("prompt_ids"), "sequences[1].prompt_ids is empty"),
    "a long sequence": (lambda r: r.sequences[0].prompt_ids.extend([3] * 40), "sequences[0] has 46 tokens"),
    "an id that no token has": (lambda r: r.sequences[0].prompt_ids.append(40), "sequences[0].prompt_ids has 40"),
    "no loss": (lambda r: r.ClearField("loss"), "loss is not set"),
    "no objectives": (with_loss(objectives=[]), "loss.objectives is empty"),
    "an objective named as the regularizer": (with_loss(objectives=["a", "regularizer", "b"]), "loss.objectives has"),
    "no temperature": (with_loss(temperature=0.0), "loss.temperature is 0"),
    "no denominator": (with_loss(denominator=0.0), "loss.denominator is 0"),
    "an infinite coefficient": (with_loss(kl_coefficient=float("inf")), "loss.kl_coefficient is inf"),
    "a source of another release": (with_loss(source=17), "loss.source is 17"),
    "no dimensions": (with_loss(source=pb.GRADIENT_SOURCE_PROJECTION), "loss.projection_dimensions is 0"),
    "no advantages": (lambda r: r.ClearField("advantages"), "advantages is not set"),
    "advantages of another shape": (with_tensor("advantages", np.zeros((5, 3))), "advantages is [5, 3]"),
    "an advantage that is not finite": (
        with_tensor("advantages", np.array([[0, np.nan, 0]] * 4)),
        "advantages has nan at element 1",
    ),
    "few old log-probabilities": (with_tensor("old_logprobs", np.zeros(3)), "old_logprobs is [3]"),
    "doubles": (doubles, "old_logprobs has dtype DATA_TYPE_F64"),
    "too few bytes": (cut, f"old_logprobs has {4 * TOKENS - 4} bytes"),
    "no reference": (lambda r: r.ClearField("reference_logprobs"), "reference_logprobs is not set"),
    "critics without returns": (lambda r: setattr(r.policy.spec, "value_heads", 2), "old_values is not set"),
}


class TestRefusals:
    @pytest.mark.parametrize("what", sorted(REFUSALS))
    def test_bad_input_is_an_invalid_argument_that_names_the_field(
        self, worker: Worker, directory: Path, what: str
    ) -> None:
        damage, expected = REFUSALS[what]
        request = gradient_request(reference(directory))
        damage(request)
        code, details = failure(lambda: worker.gradients(request))
        assert code == "INVALID_ARGUMENT"
        # One token may make the model's context or the shard's tensors wrong first.
        assert details.startswith(expected)

    def test_another_model(self, worker: Worker, directory: Path, tmp_path: Path) -> None:
        other = reference(directory, model_sha256="0" * 64)
        code, details = failure(lambda: worker.gradients(gradient_request(other)))
        assert code == "FAILED_PRECONDITION"
        assert "give every service the same model directory" in details
        absent = reference(directory, model=str(tmp_path / "absent"))
        assert failure(lambda: worker.gradients(gradient_request(absent)))[0] == "FAILED_PRECONDITION"

    def test_another_instance(self, worker: Worker, directory: Path) -> None:
        request = gradient_request(reference(directory))
        request.instance = "another"
        code, details = failure(lambda: worker.gradients(request))
        assert code == "ABORTED"
        assert "restarted" in details

    def test_a_version_that_the_coordinator_does_not_hold(self, worker: Worker, directory: Path) -> None:
        code, details = failure(lambda: worker.gradients(gradient_request(reference(directory, 100))))
        assert code == "NOT_FOUND"
        assert "version 100 is not held" in details

    def test_full_training_of_a_run_with_adapters(self, worker: Worker, directory: Path) -> None:
        full = reference(directory, 6, mode=TRAINING_MODE_FULL)
        code, details = failure(lambda: worker.gradients(gradient_request(full)))
        assert code == "DATA_LOSS"
        assert "which the policy's specification does not train" in details


def flipped(number: int) -> Iterator[GetVersionResponse]:
    for message in version_messages(number, tensors_of(number)):
        if message.HasField("chunk"):
            data = bytearray(message.chunk.data)
            data[0] ^= 1
            yield GetVersionResponse(chunk=TensorChunk(offset=message.chunk.offset, data=bytes(data)))
        else:
            yield message


def shortened(number: int) -> Iterator[GetVersionResponse]:
    yield from list(version_messages(number, tensors_of(number)))[:-1]


def headless(number: int) -> Iterator[GetVersionResponse]:
    yield from list(version_messages(number, tensors_of(number)))[1:]


def partial(number: int) -> Iterator[GetVersionResponse]:
    tensors = tensors_of(number)
    tensors.popitem()
    yield from version_messages(number, tensors)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (flipped, "SHA-256"),
        (shortened, "it ends after"),
        (headless, "bytes came before the header"),
        (partial, "which the policy's specification trains"),
        (lambda _: iter(()), "the stream was empty"),
    ],
)
def test_a_damaged_version_is_refused(
    directory: Path, messages: Callable[[int], Iterator[GetVersionResponse]], expected: str
) -> None:
    service = PolicyService(messages)
    own = Worker(service.address)
    code, details = failure(lambda: own.gradients(gradient_request(reference(directory))))
    own.close()
    service.server.stop(0).wait()
    assert code == "DATA_LOSS"
    assert f"policy version 1 of run {RUN} from {service.address}" in details
    assert expected in details


def test_a_pull_that_stalls_fails_and_the_next_one_succeeds(directory: Path) -> None:
    release = threading.Event()
    stalls = [True]

    def messages(number: int) -> Iterator[GetVersionResponse]:
        if stalls.pop() if stalls else False:
            release.wait()
        yield from version_messages(number, tensors_of(number))

    service = PolicyService(messages)
    own = Worker(service.address)
    code, details = failure(lambda: own.gradients(gradient_request(reference(directory))))
    assert code == "UNAVAILABLE"
    assert "the coordinator sent nothing for 1.5 s" in details
    assert own.gradients(gradient_request(reference(directory)))
    release.set()
    own.close()
    service.server.stop(0).wait()


class TestProcess:
    def environment(self, **values: str) -> dict[str, str]:
        source = str(PACKAGE.parent)
        return {**os.environ, "PYTHONPATH": source, "LISTEN": "127.0.0.1:0", "THREADS": "1", **values}

    def test_sigterm_ends_it_cleanly(self, policy: PolicyService, directory: Path, tmp_path: Path) -> None:
        address = tmp_path / "address"
        environment = self.environment(COORDINATOR=policy.address, ADDRESS_FILE=str(address))
        command = [sys.executable, "-m", "gapo_pytorch"]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        ready = next(line for line in process.stderr if "ready after" in line)
        channel = grpc.insecure_channel(address.read_text())
        method = f"/{GRADIENT_SERVICE}/LogProbs"
        call = channel.unary_unary(method, pb.LogProbsRequest.SerializeToString, pb.LogProbsResponse.FromString)
        request = pb.LogProbsRequest(policy=reference(directory), sequences=on_the_wire(), temperature=1)
        assert len(call(request, timeout=60).logprobs.data) == 4 * TOKENS
        process.send_signal(signal.SIGTERM)
        log = ready + process.stderr.read()
        assert process.wait(timeout=30) == 0
        assert '"message": "stopped"' in log
        channel.close()

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({"DEVICE": "tpu"}, "DEVICE: found 'tpu', expected cpu or cuda"),
            ({"THREADS": "0"}, "THREADS: found '0', expected an integer of at least 1"),
            ({"LISTEN": "0.0.0.0:0"}, "cannot listen on 0.0.0.0:0 without TLS"),
            ({"TLS_CERT_FILE": "cert.pem"}, "TLS_KEY_FILE: not set"),
            ({"LISTEN_METRICS": "127.0.0.1:0"}, "LISTEN_METRICS: this worker serves no metrics"),
        ],
    )
    def test_a_wrong_setting_is_one_line_and_exit_code_2(self, values: dict[str, str], expected: str) -> None:
        from gapo_pytorch.errors import UserError
        from gapo_pytorch.peers import require_secure_address
        from gapo_pytorch.settings import read_settings

        with pytest.raises(UserError) as caught:
            require_secure_address(read_settings(values))
        assert expected in str(caught.value)

    def test_an_argument_is_refused(self) -> None:
        command = [sys.executable, "-m", "gapo_pytorch", "--port"]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert (
            done.stderr == "found the argument '--port', expected none but --help; settings are environment variables\n"
        )
