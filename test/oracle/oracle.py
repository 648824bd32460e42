"""What every script here ends with: its values, written as one JSON file."""
import json
import sys
from pathlib import Path


def write(values):
    """Writes values/SUBJECT.json, or into the directory that the command line names. SUBJECT is the script's name."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "values"
    path = folder / (Path(sys.argv[0]).stem + ".json")
    path.write_text(json.dumps(values, ensure_ascii=True, allow_nan=False, indent=1) + "\n", encoding="ascii")
