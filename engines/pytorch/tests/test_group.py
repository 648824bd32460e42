"""Two processes under torchrun, whose frozen weights are sharded by FSDP2, against one process."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
import torch
import torch.distributed as dist
from conftest import SEQUENCES, TOKENS, lora_of, random_version, tiny_model
from grpc_health.v1 import health_pb2, health_pb2_grpc
from test_service import (
    PolicyService,
    Worker,
    failure,
    gradient_request,
    on_the_wire,
    reference,
    tensors_of,
    version_messages,
    with_loss,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor

from gapo.gradient.v1 import gradient_pb2 as pb
from gapo.policy.v1.policy_pb2 import TRAINING_MODE_FULL, PolicyRef
from gapo_pytorch.batches import TokenSequence, dealt
from gapo_pytorch.errors import UserError
from gapo_pytorch.group import Alone
from gapo_pytorch.identity import PACKAGE, require_one_build
from gapo_pytorch.policy.decoder import Decoder
from gapo_pytorch.probe import problem_of
from gapo_pytorch.wire.tensors import Assembler, to_tensor

TOLERANCE = 1e-6
FULL = 7
"""The version of all weights; others are of adapters."""


def version(number: int) -> dict[str, np.ndarray]:
    if number != FULL:
        return tensors_of(number)
    model = tiny_model("llama", torch.float32)
    noise = random_version(Decoder(tiny_model("llama", torch.float32), None, 0).shapes, 0.05)
    return {name: own.numpy() + noise[name] for name, own in model.named_parameters()}


class Remote(Worker):
    """A worker of two processes."""

    def __init__(self, coordinator: str, folder: Path, **settings: str) -> None:
        address = folder / "address"
        environment = {
            **os.environ,
            "PYTHONPATH": str(PACKAGE.parent),
            "LISTEN": "127.0.0.1:0",
            "THREADS": "1",
            "COORDINATOR": coordinator,
            "ADDRESS_FILE": str(address),
            **settings,
        }
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "gapo_pytorch"]
        self.process = subprocess.Popen(
            [sys.executable, *launcher], env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert self.process.stderr is not None
        seen = []
        for line in self.process.stderr:
            seen.append(line)
            if "ready after" in line:
                (folder / "pid").write_text(str(json.loads(line)["pid"]))
                break
        assert address.exists(), "".join(seen)
        self.channel = grpc.insecure_channel(address.read_text())

    def close(self) -> None:
        self.channel.close()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stderr is not None
        self.log = self.process.stderr.read()
        self.process.wait(timeout=60)


@dataclass
class Pair:
    one: Worker
    two: Remote


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    policy = PolicyService(lambda number: version_messages(number, version(number)))
    one, two = Worker(policy.address), Remote(policy.address, tmp_path_factory.mktemp("group"))
    yield Pair(one, two)
    one.close()
    two.close()
    policy.server.stop(0).wait()
    assert '"message": "stopped"' in two.log


def gradients_of(messages: list[pb.ComputeGradientsResponse]) -> dict[str, np.ndarray]:
    data = b"".join(m.chunk.data for m in messages[1:-1])
    if messages[0].header.tensors[0].name == "gram":
        return {"gram": np.frombuffer(data, np.float64)}
    assembler = Assembler(messages[0].header.tensors, hashlib.sha256(data).hexdigest(), "gradients", 2**30)
    for message in messages[1:-1]:
        assembler.add(message.chunk)
    return dict(assembler.finish())


def assert_equal(pair: Pair, request: pb.ComputeGradientsRequest) -> None:
    one, two = pair.one.gradients(request), pair.two.gradients(request)
    assert two[0].header == one[0].header
    mine, right = gradients_of(two), gradients_of(one)
    for name, gradient in right.items():
        assert np.linalg.norm(mine[name] - gradient) <= TOLERANCE * np.linalg.norm(gradient), name
    found, expected = two[-1].statistics, one[-1].statistics
    assert found.tokens == expected.tokens
    assert list(found.clipped) == list(expected.clipped)
    assert found.kl_sum == pytest.approx(expected.kl_sum, rel=TOLERANCE)
    assert found.entropy_sum == pytest.approx(expected.entropy_sum, rel=TOLERANCE)
    assert found.max_logprob_gap == pytest.approx(expected.max_logprob_gap, rel=1e-5)


def per_token(request: pb.ComputeGradientsRequest) -> None:
    values = np.random.default_rng(3).standard_normal((TOKENS, 3)).astype(np.float32)
    request.advantages.CopyFrom(to_tensor("advantages", values))


def one_sequence(request: pb.ComputeGradientsRequest) -> None:
    """Fewer sequences than processes."""
    tokens = len(SEQUENCES[0].completion)
    del request.sequences[1:]
    for field, rows in (("advantages", 1), ("old_logprobs", tokens), ("reference_logprobs", tokens)):
        tensor = getattr(request, field)
        width = list(tensor.header.shape)[1:]
        values = np.frombuffer(tensor.data, np.float32).reshape(-1, *width)[:rows]
        tensor.CopyFrom(to_tensor(field, values))


def recomputed(request: pb.ComputeGradientsRequest) -> None:
    request.policy.spec.computation.recompute = True


def unclipped(request: pb.ComputeGradientsRequest) -> None:
    request.loss.clip_range = 1e9


CHANGES: dict[str, Callable[[pb.ComputeGradientsRequest], None]] = {
    "clipped": lambda _: None,
    "unclipped": unclipped,
    "advantages of tokens": per_token,
    "one sequence": one_sequence,
    "recomputed layers": recomputed,
    "last layer": with_loss(source=pb.GRADIENT_SOURCE_LAST_LAYER),
    "projection": with_loss(source=pb.GRADIENT_SOURCE_PROJECTION, projection_dimensions=16, projection_seed=5),
    "logits": with_loss(source=pb.GRADIENT_SOURCE_LOGITS),
}


def policies(directory: Path) -> dict[str, PolicyRef]:
    full = reference(directory, FULL, mode=TRAINING_MODE_FULL)
    return {"adapters": reference(directory), "all weights": full}


@pytest.mark.parametrize("trained", ["adapters", "all weights"])
@pytest.mark.parametrize("what", sorted(CHANGES))
def test_two_processes_equal_one(pair: Pair, directory: Path, what: str, trained: str) -> None:
    request = gradient_request(policies(directory)[trained])
    CHANGES[what](request)
    assert_equal(pair, request)


@pytest.mark.parametrize("trained", ["adapters", "all weights"])
def test_log_probabilities_are_those_of_one(pair: Pair, directory: Path, trained: str) -> None:
    policy = policies(directory)[trained]
    request = pb.LogProbsRequest(policy=policy, sequences=on_the_wire(), temperature=0.8)
    one, two = pair.one.log_probs(request), pair.two.log_probs(request)
    left, right = (np.frombuffer(answer.logprobs.data, np.float32) for answer in (two, one))
    np.testing.assert_allclose(left, right, rtol=TOLERANCE, atol=TOLERANCE)


def test_a_refused_request_leaves_both_processes_in_step(pair: Pair, directory: Path) -> None:
    long = gradient_request(reference(directory))
    long.sequences[0].prompt_ids.extend([3] * 40)
    absent = gradient_request(reference(directory, model="/absent"))
    assert failure(lambda: pair.two.gradients(long))[0] == "INVALID_ARGUMENT"
    assert failure(lambda: pair.two.gradients(absent))[0] == "FAILED_PRECONDITION"
    assert_equal(pair, gradient_request(reference(directory)))


def test_the_identity_has_the_number_of_processes(pair: Pair) -> None:
    assert pair.two.identify().environment["processes"] == "2"


def children_of(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_the_loss_of_a_process_ends_all(tmp_path: Path) -> None:
    """So that whoever supervises them starts all of them again."""
    remote = Remote("127.0.0.1:1", tmp_path)
    serving = int(Path(tmp_path / "pid").read_text())
    (follower,) = (child for child in children_of(remote.process.pid) if child != serving)
    os.kill(follower, signal.SIGKILL)
    remote.channel.close()
    assert remote.process.stderr is not None
    remote.process.stderr.read()
    assert remote.process.wait(timeout=60) != 0
    assert not Path(f"/proc/{serving}").exists()


def test_a_silent_process_ends_all(tmp_path: Path) -> None:
    """As where its machine is gone: no connection breaks, and torchrun on this machine sees nothing."""
    remote = Remote("127.0.0.1:1", tmp_path, GROUP_LEASE_SECONDS="3")
    serving = int(Path(tmp_path / "pid").read_text())
    (follower,) = (child for child in children_of(remote.process.pid) if child != serving)
    os.kill(follower, signal.SIGSTOP)
    remote.channel.close()
    assert remote.process.stderr is not None
    log = remote.process.stderr.read()
    assert "process 0 of 2 ends: another one does not answer" in log
    assert remote.process.wait(timeout=60) != 0


def test_the_first_process_of_another_machine_answers_probes(tmp_path: Path) -> None:
    """Each machine of a group is a pod with its own address for probes."""
    store, ports = free_port(), [free_port(), free_port()]
    machines = []
    for rank, port in enumerate(ports):
        environment = {
            **os.environ,
            "PYTHONPATH": str(PACKAGE.parent),
            "LISTEN": "127.0.0.1:0",
            "LISTEN_HEALTH": f"127.0.0.1:{port}",
            "THREADS": "1",
            "ADDRESS_FILE": str(tmp_path / "address"),
        }
        place = ["--nnodes", "2", "--node-rank", str(rank), "--master-addr", "127.0.0.1", "--master-port", str(store)]
        launcher = ["-m", "gapo_pytorch.processes", *place, "--nproc-per-node", "1"]
        machines.append(subprocess.Popen([sys.executable, *launcher], env=environment, stderr=subprocess.DEVNULL))
    try:
        for port in ports:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                asked = health_pb2.HealthCheckRequest()
                answer = health_pb2_grpc.HealthStub(channel).Check(asked, wait_for_ready=True, timeout=120)
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert problem_of(f"0.0.0.0:{ports[1]}") is None
        assert "127.0.0.1:1: " in str(problem_of("127.0.0.1:1"))
    finally:
        for machine in machines:
            machine.send_signal(signal.SIGTERM)
        assert [machine.wait(timeout=60) for machine in machines] == [0, 0]


def test_processes_of_two_builds_are_no_worker() -> None:
    """As where a StatefulSet has replaced one of its pods."""

    class Mixed(Alone):
        def gather(self, value: object) -> list[object]:
            return [value, "0.0.1+older"]

    require_one_build(Alone())
    with pytest.raises(UserError, match=r"several builds: \S+ in process 0, 0\.0\.1\+older in process 1; start all"):
        require_one_build(Mixed())


def test_frozen_weights_are_sharded_and_adapters_are_whole(tmp_path: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        model = tiny_model("llama", torch.float32)
        Decoder(model, lora_of("llama"), 2, mesh=init_device_mesh("cpu", (1,)))
        whole = [name for name, parameter in model.named_parameters() if not isinstance(parameter, DTensor)]
        assert whole
        assert all("lora_" in name for name in whole)
    finally:
        dist.destroy_process_group()


def test_sequences_are_dealt_by_length() -> None:
    sequences = [TokenSequence((1,) * length, (2,)) for length in (9, 1, 5, 3, 7)]
    assert dealt(sequences, 2) == [[0, 1, 2], [3, 4]]
    assert dealt(sequences, 1) == [[0, 1, 2, 3, 4]]
