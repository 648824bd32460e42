"""Models of Hugging Face's layout: checked against the coordinator's hash, read once, and frozen."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, get_args

import torch
import transformers
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

from ..errors import unmet
from .spec import EngineKey

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
READ_BYTES = 1 << 24


def read_model(model_root: Path, key: EngineKey, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """Reads the coordinator's model in a directory of this machine, without gradients and dropout.

    Raises RpcError FAILED_PRECONDITION where the directory does not hold it.
    """
    directory = model_root / key.model
    files = weight_files(directory)
    found = sha256_of(files)
    if found != key.model_sha256:
        raise unmet(
            f"{directory}: has weights with SHA-256 {found[:12]}…, the coordinator's have {key.model_sha256[:12]}…; "
            "give every service the same model directory"
        )
    config = _config(directory, key.ignore_keys)
    transformers_logging.set_verbosity_error()
    try:
        model, loading = AutoModelForCausalLM.from_pretrained(
            directory,
            config=config,
            dtype=dtype,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # what it raises depends on what is wrong with the files
        raise unmet(f"{directory}: transformers {transformers.__version__} cannot read it: {error}") from error
    problems = [f"has no tensor '{name}'" for name in sorted(loading.get("missing_keys", ()))] + [
        f"has the tensor '{name}' in another shape" for name, *_ in sorted(loading.get("mismatched_keys", ()))
    ]
    if problems:
        raise unmet(f"{directory}: {'; '.join(problems[:8])}")
    model.eval()
    model.requires_grad_(requires_grad=False)
    frozen: nn.Module = model.to(device)
    return frozen


def _config(directory: Path, ignore_keys: tuple[str, ...]) -> Any:
    path = directory / "config.json"
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise unmet(f"{path}: {error}") from error
    for key in ignore_keys:
        *parents, last = key.split(".")
        holder: Any = values
        for parent in parents:
            holder = holder.get(parent) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(last, None)
    model_type = values.pop("model_type", None)
    try:
        kinds = type(AutoConfig.for_model(model_type)).__mro__
        hints = {name: hint for kind in reversed(kinds) for name, hint in vars(kind).get("__annotations__", {}).items()}
        return AutoConfig.for_model(
            model_type, **{key: _as_float(value, hints.get(key)) for key, value in values.items()}
        )
    except Exception as error:  # its validators raise errors of several libraries
        raise unmet(f"{path}: transformers {transformers.__version__} refuses it: {error}") from error


def _as_float(value: Any, hint: Any) -> Any:
    """A number of JSON such as 30 where transformers insists on 30.0."""
    kinds = get_args(hint) or (hint,)
    return float(value) if type(value) is int and float in kinds and int not in kinds else value


def weight_files(directory: Path) -> list[Path]:
    """Returns a directory's weight files in the order of their names.

    They are model.safetensors, or the files that model.safetensors.index.json names.
    """
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        raise unmet(f"{directory}: {error.strerror}; name a directory with config.json and *.safetensors") from error
    if WEIGHTS_FILE in names:
        return [directory / WEIGHTS_FILE]
    if INDEX_FILE in names:
        path = directory / INDEX_FILE
        try:
            placed = json.loads(path.read_text())["weight_map"]
            listed = sorted({str(name) for name in placed.values()})
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise unmet(f"{path}: has no weight_map of tensor names to files") from error
        outside = next((name for name in listed if re.fullmatch(r"[^/\\]+\.safetensors", name) is None), None)
        if outside is not None:
            raise unmet(f"{path}: names '{outside}', which is not a *.safetensors file beside it")
        return [directory / name for name in listed]
    raise unmet(f"{directory}: has neither {WEIGHTS_FILE} nor {INDEX_FILE}: it has no weights that this worker reads")


def sha256_of(files: list[Path]) -> str:
    """Returns the SHA-256 (hex) over files, in order."""
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                while block := file.read(READ_BYTES):
                    digest.update(block)
        except OSError as error:
            raise unmet(f"{path}: {error.strerror}") from error
    return digest.hexdigest()
