"""Sampling by llama.cpp, with the adapters merged: all rows are sequences of one batch.

python llama_sampling.py DIRECTORY THREADS ROWS PROMPT TOKENS FORMAT

FORMAT is the element type of the matrices: F32, or Q8_0 as llama.cpp's users run it.
"""

import ctypes
import json
import sys
from importlib.metadata import version
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
from safetensors.numpy import load_file

from peer import serve
from prompts import prompts

directory, threads, rows, length, tokens = Path(sys.argv[1]), *map(int, sys.argv[2:6])
form = sys.argv[6]
config = json.loads((directory / "config.json").read_text())
names = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of queries or keys in the order of llama.cpp, whose rotary positions turn neighbouring channels."""
    out, into = weight.shape
    return weight.reshape(heads, 2, out // heads // 2, into).swapaxes(1, 2).reshape(out, into)


def write(path: Path) -> None:
    """Writes the decoder as GGUF, without a vocabulary."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")
    kind = gguf.GGMLQuantizationType[form]
    for name, weight in load_file(directory / "model.safetensors").items():
        if name == "model.embed_tokens.weight":
            target = "token_embd.weight"
        elif name == "model.norm.weight":
            target = "output_norm.weight"
        else:
            _, _, layer, module = name.removesuffix(".weight").split(".", 3)
            target = f"blk.{layer}.{names[module]}.weight"
            if module in ("self_attn.q_proj", "self_attn.k_proj"):
                weight = interleaved(weight, config["num_attention_heads"])
        if weight.ndim == 2 and form != "F32":
            writer.add_tensor(target, gguf.quants.quantize(weight, kind), raw_dtype=kind)
        else:
            writer.add_tensor(target, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


path = directory / f"model.{form}.gguf"
write(path)
llama_cpp.llama_backend_init()
model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
settings = llama_cpp.llama_context_default_params()
settings.n_ctx = rows * (length + tokens)
settings.n_batch = settings.n_ubatch = rows * length
settings.n_seq_max = rows
settings.n_threads = settings.n_threads_batch = threads
context = llama_cpp.llama_init_from_model(model, settings)
if not context:
    sys.exit("llama.cpp did not open the model")
ids = prompts(rows, length, config["vocab_size"])


def decoded(columns: list[list[int]], first: int) -> list[int]:
    """Reads the next tokens of each row from a position on. Returns the place of each row's last one in the batch."""
    count = sum(map(len, columns))
    batch = llama_cpp.llama_batch_init(count, 0, 1)
    batch.n_tokens = count
    place, lasts = 0, []
    for row, column in enumerate(columns):
        for offset, token in enumerate(column):
            batch.token[place] = token
            batch.pos[place] = first + offset
            batch.n_seq_id[place] = 1
            batch.seq_id[place][0] = row
            batch.logits[place] = int(offset + 1 == len(column))
            place += 1
        lasts.append(place - 1)
    if llama_cpp.llama_decode(context, batch) != 0:
        sys.exit("llama.cpp could not decode")
    llama_cpp.llama_batch_free(batch)
    return lasts


def cleared() -> None:
    """Forgets every sequence."""
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)


def sample() -> dict[str, int]:
    """All completions."""
    cleared()
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    llama_cpp.llama_sampler_chain_add(chain, llama_cpp.llama_sampler_init_dist(1))
    lasts = decoded(ids, 0)
    drawn = 0
    for step in range(tokens):
        following = [llama_cpp.llama_sampler_sample(chain, context, place) for place in lasts]
        drawn += len(following)
        if step + 1 < tokens:
            lasts = decoded([[token] for token in following], length + step)
    llama_cpp.llama_sampler_free(chain)
    return {"tokens": drawn}


def logits() -> dict[str, list[float]]:
    """The first row's logits after its prompt, by which the parent checks that this is the same decoder."""
    cleared()
    (last,) = decoded(ids[:1], 0)
    found = llama_cpp.llama_get_logits_ith(context, last)
    return {"logits": np.ctypeslib.as_array(ctypes.cast(found, ctypes.POINTER(ctypes.c_float)), (8,)).tolist()}


serve({"llama-cpp-python": version("llama-cpp-python")}, {"sample": sample, "logits": logits})
