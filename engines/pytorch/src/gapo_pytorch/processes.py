"""Several processes as one worker: `python -m gapo_pytorch.processes --nproc-per-node 8`, with the options of torchrun.

It is torchrun for this package, and ends as the worker does: with 0 where a signal asks it to, in place of a stack trace and 1.
"""

import sys

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.run import main as torchrun


def main() -> None:
    """Starts the processes, and waits for their end."""
    try:
        torchrun([*sys.argv[1:], "-m", "gapo_pytorch"])
    except SignalException as signal:
        print(f"stopped by signal {signal.sigval.value}", file=sys.stderr)


if __name__ == "__main__":
    main()
