"""Log-probabilities of small checkpoints that are written as they are on the Hub: keys in other places, tensors in other files."""
import json
import tempfile
from pathlib import Path

from checkpoint import ids, logprobs, save, tensors_of
from oracle import write
from transformers import AutoModelForCausalLM

sizes = {
    "vocab_size": 19,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "eos_token_id": 2,
}
gpt2 = {"model_type": "gpt2", "vocab_size": 19, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 64, "eos_token_id": 2}
llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}


def renamed(tensors, old, new):
    return [{**tensor, "name": new + tensor["name"].removeprefix(old)} for tensor in tensors]


def checkpoint(name, config, edit=lambda tensors: tensors, index=None):
    """Writes a checkpoint, reads it and returns its description. A tensor's file is model.safetensors if it names none."""
    tensors = edit(tensors_of(config))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(config))
        file_of = lambda tensor: tensor.get("file", "model.safetensors")
        for file in {file_of(tensor) for tensor in tensors}:
            save([tensor for tensor in tensors if file_of(tensor) == file], Path(folder, file))
        if index is not None:
            Path(folder, "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index(tensors)}))
        model = AutoModelForCausalLM.from_pretrained(folder).eval()
    found = {"name": name, "config": config, "tensors": tensors, "logprobs": logprobs(model)}
    return found if index is None else {**found, "index": index(tensors)}


def llama(**keys):
    return {"model_type": "llama", **sizes, **keys}


def with_head(seed):
    """Adds an output projection with the elements of that seed."""
    return lambda tensors: [*tensors, {**tensors[0], "name": "lm_head.weight", "seed": seed}]


def in_shards(tensors):
    """Puts every other tensor into the second of two files."""
    return [{**tensor, "file": f"model-0000{1 + i % 2}-of-00002.safetensors"} for i, tensor in enumerate(tensors)]


def buffers(tensors):
    """GPT-2's causal masks, as transformers saved them until 2023."""
    masks = [f"transformer.h.{layer}.attn.bias" for layer in range(2)]
    return [*tensors, *({"name": name, "shape": [1, 1, 64, 64], "seed": 0, "offset": 0, "dtype": "BOOL"} for name in masks)]


def weight_map(tensors):
    return {tensor["name"]: tensor["file"] for tensor in tensors}


window = {**sizes, "sliding_window": 4}
frequencies = {"name": "model.rotary_emb.inv_freq", "shape": [2], "seed": 0, "offset": 0}

write({"ids": ids, "checkpoints": [
    checkpoint("rope_theta within rope_scaling", llama(rope_theta=100.0, rope_scaling={"rope_type": "default", "rope_theta": 5000.0})),
    checkpoint("rope_theta beside rope_parameters", llama(rope_theta=100.0, rope_parameters={"rope_type": "default"})),
    checkpoint("rope_scaling and rope_parameters", llama(rope_scaling={"type": "linear", "factor": 2.0}, rope_parameters={"rope_type": "default", "rope_theta": 50.0})),
    checkpoint("rope_type and type", llama(rope_scaling={"rope_type": "default", "type": "linear", "factor": 2.0})),
    checkpoint("llama3 without the context of pretraining", llama(rope_scaling=llama3)),
    checkpoint("absent keys", {key: value for key, value in llama().items() if key not in ("num_key_value_heads", "max_position_embeddings")}),
    checkpoint("pretraining_tp", llama(pretraining_tp=2)),
    checkpoint("mistral", {"model_type": "mistral", **window}),
    checkpoint("mistral with layer_types", {"model_type": "mistral", **window, "head_dim": 4, "layer_types": ["full_attention", "sliding_attention"]}),
    checkpoint("ministral", {"model_type": "ministral", **window, "head_dim": 4}),
    checkpoint("qwen2 with use_sliding_window", {"model_type": "qwen2", **window, "use_sliding_window": True, "max_window_layers": 1}),
    checkpoint("qwen2 without use_sliding_window", {"model_type": "qwen2", **window, "attention_bias": False}),
    checkpoint("qwen3 without head_dim", {"model_type": "qwen3", **sizes}),
    checkpoint("gpt2 with other names of its keys", {**gpt2, "n_embd": 8, "hidden_size": 16, "max_position_embeddings": 64}),
    checkpoint("gpt2 with masks", gpt2, buffers),
    checkpoint("gpt2 without a prefix, with masks", gpt2, lambda tensors: renamed(buffers(tensors), "transformer.", "")),
    checkpoint("a trunk without a prefix, with frequencies", llama(tie_word_embeddings=True), lambda tensors: renamed([*tensors, frequencies], "model.", "")),
    checkpoint("tied, with another projection", llama(tie_word_embeddings=True), with_head(99)),
    checkpoint("tied, with the same projection", llama(tie_word_embeddings=True), with_head(0)),
    checkpoint("tied, with the projection alone", llama(tie_word_embeddings=True), lambda tensors: with_head(0)(tensors)[1:]),
    checkpoint("tied and listed, but in no file", llama(tie_word_embeddings=True), in_shards, lambda tensors: {**weight_map(tensors), "lm_head.weight": tensors[0]["file"]}),
    checkpoint("a tensor in two files", llama(), lambda tensors: [*in_shards(tensors), {**tensors[0], "file": "model-00002-of-00002.safetensors"}], lambda tensors: weight_map(tensors[:-1])),
]})
