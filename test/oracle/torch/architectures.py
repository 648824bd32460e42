"""Small decoders of every architecture: log-probabilities, gradients and greedy completions by transformers and PEFT.

Weights are not stored. Each element is a function of its tensor's name and its index, which the test computes too.
"""
import json
import os
import tempfile
import warnings

import numpy
import torch
from oracle import write
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

warnings.simplefilter("ignore")
logging.set_verbosity_error()
torch.set_num_threads(1)

IDS = [1, 5, 17, 3, 3, 8, 11, 4, 9, 16, 6, 7, 12, 10, 18, 5, 13, 3, 14, 4, 15, 8, 9, 6]
PROMPT = 6
ADAPTER = {"r": 2, "lora_alpha": 3}

LLAMA = {
    "vocab_size": 19,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
GPT2 = {
    "model_type": "gpt2",
    "vocab_size": 19,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "bos_token_id": 2,
    "eos_token_id": 2,
}
# √24 is not a power of 2, so that a scale of the embeddings that is rounded shows.
GEMMA = {**LLAMA, "hidden_size": 24, "head_dim": 8, "num_key_value_heads": 1, "tie_word_embeddings": True}


def llama(model_type, **keys):
    return {**LLAMA, "model_type": model_type, **keys}


def gemma(model_type, **keys):
    return {**GEMMA, "model_type": model_type, **keys}


# The content of config.json, as it is found on the Hub. Windows and contexts of pretraining are shorter than IDS, and caps
# are low enough to bend most scores.
EXAMPLES = {
    "Llama with YaRN": llama(
        "llama",
        rope_theta=10000.0,
        rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 12},
    ),
    "Llama with YaRN, other turns and an attention factor": llama(
        "llama",
        head_dim=8,
        rope_parameters={
            "rope_type": "yarn",
            "rope_theta": 500.0,
            "factor": 8.0,
            "original_max_position_embeddings": 8,
            "beta_fast": 4.0,
            "beta_slow": 0.5,
            "attention_factor": 0.8,
        },
    ),
    "Llama with dynamic rotary embeddings": llama(
        "llama", rope_theta=10000.0, rope_scaling={"type": "dynamic", "factor": 2.0}
    ),
    "Llama with a factor on rotary embeddings": llama(
        "llama", rope_theta=10000.0, rope_scaling={"type": "linear", "factor": 5.0}
    ),
    # Llama 3.1's context of pretraining defaults to max_position_embeddings.
    "Llama 3 without a context of pretraining": llama(
        "llama",
        head_dim=8,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 10000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
        },
    ),
    "Llama with GELU": llama("llama", hidden_act="gelu", mlp_bias=True, attention_bias=True),
    "Llama with ReLU": llama("llama", hidden_act="relu", num_key_value_heads=4),
    "Mistral with heads of its own width": llama("mistral", head_dim=6, sliding_window=5),
    "Ministral": llama("ministral", head_dim=4, sliding_window=4, layer_types=["sliding_attention", "full_attention"]),
    "Qwen2 without its window": llama(
        "qwen2", use_sliding_window=False, sliding_window=4, max_window_layers=0, tie_word_embeddings=True
    ),
    "Qwen2 with YaRN and windows": llama(
        "qwen2",
        head_dim=8,
        rope_theta=10000.0,
        rope_scaling={
            "rope_type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 16,
            "mscale": 1.5,
            "mscale_all_dim": 0.7,
            "truncate": False,
        },
        use_sliding_window=True,
        sliding_window=4,
        max_window_layers=1,
    ),
    "Qwen3 with windows": llama(
        "qwen3",
        head_dim=6,
        attention_bias=True,
        use_sliding_window=True,
        sliding_window=4,
        layer_types=["sliding_attention", "full_attention"],
    ),
    "Gemma with exact GELU": gemma("gemma", hidden_act="gelu_python"),
    "Gemma": gemma("gemma", hidden_act="gelu"),
    "Gemma 2": gemma(
        "gemma2",
        num_hidden_layers=3,
        query_pre_attn_scalar=5,
        sliding_window=5,
        attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0,
        num_key_value_heads=2,
    ),
    "Gemma 2 without caps": gemma(
        "gemma2",
        sliding_window=5,
        attn_logit_softcapping=None,
        final_logit_softcapping=None,
        attention_bias=True,
        layer_types=["full_attention", "sliding_attention"],
    ),
    "Gemma 3": gemma(
        "gemma3_text",
        num_hidden_layers=3,
        query_pre_attn_scalar=5,
        sliding_window=5,
        sliding_window_pattern=3,
        eos_token_id=[0, 18],
        rope_theta=1000.0,
        rope_local_base_freq=100.0,
        rope_scaling={"rope_type": "linear", "factor": 8.0},
    ),
    "Gemma 3 with a cap on the logits": gemma(
        "gemma3_text",
        sliding_window=4,
        final_logit_softcapping=3.0,
        layer_types=["full_attention", "sliding_attention"],
    ),
    "Phi-3": llama("phi3", sliding_window=6),
    "Phi-3 with LongRoPE on some channels": llama(
        "phi3",
        num_key_value_heads=1,
        hidden_size=32,
        partial_rotary_factor=0.75,
        original_max_position_embeddings=32,
        max_position_embeddings=128,
        rope_scaling={"type": "longrope", "short_factor": [1.0, 1.3, 2.1], "long_factor": [1.5, 3.0, 9.0]},
        tie_word_embeddings=True,
    ),
    "OLMo 2": llama("olmo2"),
    "OLMo 3": llama(
        "olmo3",
        num_hidden_layers=4,
        sliding_window=4,
        rope_theta=500000,
        rope_scaling={
            "rope_type": "yarn",
            "factor": 8.0,
            "original_max_position_embeddings": 8,
            "attention_factor": 1.2079441541679836,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
        },
    ),
    "SmolLM3": llama("smollm3", num_hidden_layers=4, rope_theta=5000000.0, tie_word_embeddings=True),
    "SmolLM3 with windows": llama(
        "smollm3",
        num_hidden_layers=3,
        no_rope_layers=[1, 0, 1],
        use_sliding_window=True,
        sliding_window=4,
        attention_bias=True,
        mlp_bias=True,
    ),
    "Granite": llama(
        "granite",
        embedding_multiplier=3.0,
        attention_multiplier=0.3,
        residual_multiplier=0.6,
        logits_scaling=2.5,
        attention_bias=True,
    ),
    "GPT-2 with exact GELU and its own inner width": {**GPT2, "activation_function": "gelu", "n_inner": 24},
    "GPT-2 with scores by layer": {**GPT2, "scale_attn_by_inverse_layer_idx": True, "activation_function": "silu"},
    "GPT-2 with unscaled scores": {**GPT2, "scale_attn_weights": False, "activation_function": "relu"},
}


def uniform(name, size):
    """Numbers in [-1, 1): the hash of each index, from the hash of the name (FNV-1a, then the finalizer of MurmurHash3)."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    x = (numpy.arange(size, dtype=numpy.uint64) * 0x9E3779B9 + seed) & 0xFFFFFFFF
    x ^= x >> 16
    x = (x * 0x85EBCA6B) & 0xFFFFFFFF
    x ^= x >> 13
    x = (x * 0xC2B2AE35) & 0xFFFFFFFF
    x ^= x >> 16
    return x.astype(numpy.float64) / 2**31 - 1


def fill(parameter, name, factor, offset=0.0):
    values = offset + factor * uniform(name, parameter.numel())
    parameter.data = torch.from_numpy(values.astype(numpy.float32)).reshape(parameter.shape)


def rounded(values):
    return [round(value, 6) for value in values.tolist()]


def loss_of(model):
    """The mean negative log-likelihood of the tokens after the prompt."""
    logits = model(input_ids=torch.tensor([IDS])).logits[0]
    chosen = torch.log_softmax(logits, -1)[PROMPT - 1 : -1].gather(1, torch.tensor(IDS[PROMPT:])[:, None])
    return -chosen.mean(), chosen[:, 0]


def gradients_of(parameters):
    """Of each gradient its norm, and its product with numbers that its name determines."""
    found = {}
    for name, parameter in parameters:
        gradient = parameter.grad.double().flatten().numpy()
        products = gradient @ uniform(f"probe {name}", gradient.size)
        found[name] = [float(numpy.linalg.norm(gradient)), float(products)]
    return found


def example(keys):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "config.json"), "w") as file:
            json.dump(keys, file)
        config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    centred = keys["model_type"].startswith("gemma")
    for name, parameter in model.named_parameters():
        is_gain = parameter.dim() == 1 and name.endswith(".weight")
        offset = 1.0 if is_gain and not centred else 0.0
        fill(parameter, name, 0.7 if parameter.dim() == 2 else 0.5, offset)
    model.tie_weights()
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([IDS])).logits[0]
    generated = model.generate(
        torch.tensor([IDS[:PROMPT]]), attention_mask=torch.ones(1, PROMPT), do_sample=False, max_new_tokens=20
    )
    loss, _ = loss_of(model)
    loss.backward()
    result = {
        "config": keys,
        "saved": json.loads(config.to_json_string()),
        # Of every token after the first, and of every token that may follow the last.
        "logprobs": rounded(torch.log_softmax(logits, -1)[:-1].gather(1, torch.tensor(IDS[1:])[:, None])[:, 0]),
        "next": rounded(torch.log_softmax(logits, -1)[-1]),
        "greedy": generated[0, PROMPT:].tolist(),
        "loss": loss.item(),
        "gradients": gradients_of(model.named_parameters()),
    }
    in_out = keys["model_type"] == "gpt2"
    adapted = get_peft_model(
        model,
        LoraConfig(**ADAPTER, target_modules="all-linear", task_type="CAUSAL_LM", fan_in_fan_out=in_out),
    )
    named = [(name.replace(".default", ""), p) for name, p in adapted.named_parameters() if p.requires_grad]
    for name, parameter in named:
        fill(parameter, name, 0.3)
    loss, chosen = loss_of(adapted)
    loss.backward()
    result["adapter"] = {
        "logprobs": rounded(chosen),
        "gradients": gradients_of(named),
    }
    return result


examples = {name: example(keys) for name, keys in EXAMPLES.items()}
short = [name for name, one in examples.items() if len(one["greedy"]) < 7]
assert not short, f"completions end too early to compare: {short}"
write({"ids": IDS, "prompt": PROMPT, "adapter": ADAPTER, "examples": examples})
