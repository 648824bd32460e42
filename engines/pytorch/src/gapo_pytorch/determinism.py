"""How PyTorch computes in this process."""

import os

import torch


def prepare(threads: int) -> None:
    """Computes on as many threads of the CPU, with the same bits at every call. Call it before anything is computed."""
    # Without it, sums of cuBLAS may differ from call to call.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
