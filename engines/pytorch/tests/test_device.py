"""The script for a machine with a GPU (test/device), on a CPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[3] / "test/device/objectives.py"
SIZES = {"layers": 2, "hidden": 64, "vocabulary": 64, "rank": 2, "sequences": 4, "length": 16, "repeats": 1}
TINY = [*(word for name, size in SIZES.items() for word in (f"--{name}", str(size))), "--objectives", "1", "3"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


def test_shared_pass_is_measured_against_separate_ones(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    found = run("--cpu", *TINY, "--precision", "float32", "--json", str(file))
    assert found.returncode == 0, found.stderr
    rows = json.loads(file.read_text())["rows"]
    assert [(row["objectives"], row["passes"]) for row in rows] == [
        (1, "shared"),
        (1, "separate"),
        (3, "shared"),
        (3, "separate"),
    ]
    assert all(row["seconds"] > 0 for row in rows)
    assert all(row["difference"] < 1e-5 for row in rows if row["passes"] == "separate")
    assert len([line for line in found.stdout.splitlines() if line.split()[0] in ("1", "3")]) == 2


def test_what_the_time_limit_left_out_is_said() -> None:
    found = run("--cpu", *TINY, "--limit", "0")
    assert found.returncode == 1
    assert "not everything was measured within 0 s" in found.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_machine_without_a_gpu_is_refused_in_one_line() -> None:
    found = run()
    assert found.returncode == 1
    assert found.stderr.startswith("no GPU: ")
    assert len(found.stderr.splitlines()) == 1
