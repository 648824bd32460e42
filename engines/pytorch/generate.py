"""Writes src/gapo: the messages of the protos that this package speaks, by the compiler of grpcio-tools.

python generate.py           writes
python generate.py --check   writes nothing; exits with 1 where src/gapo does not match the protos
"""

import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PROTO_ROOT = HERE.parents[1] / "proto"
GENERATED = HERE / "src" / "gapo"
PACKAGES = ["tensor", "policy", "gradient", "worker"]


def generate(directory: Path) -> None:
    """Compiles the protos into a directory."""
    files = [f"gapo/{name}/v1/{name}.proto" for name in PACKAGES]
    out = str(directory)
    status = protoc.main(["protoc", f"-I{PROTO_ROOT}", f"--python_out={out}", f"--pyi_out={out}", *files])
    if status != 0:
        raise SystemExit(status)


def files_under(directory: Path) -> dict[str, str]:
    """Returns the text of each generated file by its path."""
    return {str(path.relative_to(directory)): path.read_text() for path in sorted(directory.rglob("*_pb2.py*"))}


def main() -> None:
    """Writes or checks."""
    with tempfile.TemporaryDirectory() as fresh:
        generate(Path(fresh))
        if "--check" in sys.argv:
            if files_under(Path(fresh) / "gapo") != files_under(GENERATED):
                raise SystemExit("src/gapo is stale: run generate.py and commit the result")
            return
        shutil.rmtree(GENERATED, ignore_errors=True)
        shutil.copytree(Path(fresh) / "gapo", GENERATED)


if __name__ == "__main__":
    main()
