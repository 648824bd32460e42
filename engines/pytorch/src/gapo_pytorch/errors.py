"""Errors with a gRPC code: every failure that a caller is meant to see."""

import grpc


class RpcError(Exception):
    """A failed call. Handlers respond with its code and message."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


class UserError(Exception):
    """An error that its message explains: of a setting, a file or an address. No stack is printed."""


def invalid(details: str) -> RpcError:
    """An error of the request. `details` begins with the path of the field."""
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, details)


def unmet(details: str) -> RpcError:
    """An error of what this worker has, such as its model directory."""
    return RpcError(grpc.StatusCode.FAILED_PRECONDITION, details)


def damaged(details: str) -> RpcError:
    """An error of what the coordinator sent."""
    return RpcError(grpc.StatusCode.DATA_LOSS, details)
