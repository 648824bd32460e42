"""A reward service in Python: completions of few words are better.

pip install grpcio grpcio-tools grpcio-health-checking, then see README.md.
"""

import os
import signal
from concurrent import futures

import grpc
from gapo.reward.v1 import reward_pb2, reward_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

MAX_BATCH = 256
MAX_BYTES = 64 * 1024 * 1024  # of a request; without it gRPC receives 4 MiB, which a batch of long conversations exceeds
VERSION = "1"  # change it whenever the same completion may get another score


def score(item: reward_pb2.Item) -> float:
    """item.prompt and item.completion are texts; item.turns is the conversation before the completion, and item.metadata
    has the other columns of the prompt's line, such as a reference answer."""
    return 1 / (1 + len(item.completion.split()))


class Concise(reward_pb2_grpc.RewardServiceServicer):
    def Describe(self, request, context):
        return reward_pb2.DescribeResponse(
            objective="concise",
            model="one over the number of words",
            version=VERSION,
            orientation=reward_pb2.ORIENTATION_HIGHER_IS_BETTER,
            minimum=0,
            maximum=1,
            max_batch=MAX_BATCH,
            max_bytes=MAX_BYTES,
            input=reward_pb2.INPUT_KIND_TEXT,
        )

    def Score(self, request, context):
        if len(request.items) > MAX_BATCH:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"items: found {len(request.items)} items, expected at most {MAX_BATCH}; split the batch",
            )
        return reward_pb2.ScoreResponse(results=[self.result(item) for item in request.items], version=VERSION)

    @staticmethod
    def result(item):
        try:
            return reward_pb2.Result(id=item.id, score=score(item))
        except Exception as error:  # one bad item is its own error, not a failed call
            return reward_pb2.Result(id=item.id, error=reward_pb2.ItemError(message=str(error), retryable=False))


def main() -> None:
    address = os.environ.get("LISTEN", "127.0.0.1:50061")
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=4),
        options=[("grpc.max_receive_message_length", MAX_BYTES)],
    )
    reward_pb2_grpc.add_RewardServiceServicer_to_server(Concise(), server)
    status = health.HealthServicer()
    status.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    port = server.add_insecure_port(address)
    server.start()
    print(f"listens on {address.rsplit(':', 1)[0]}:{port}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: server.stop(grace=8))
    server.wait_for_termination()


if __name__ == "__main__":
    main()
