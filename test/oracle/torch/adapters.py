"""Log-probabilities of small models with LoRA adapters as PEFT saves them, and as it reads them again."""
import json
import tempfile
from pathlib import Path

from checkpoint import ids, logprobs, save, tensors_of
from oracle import write
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from transformers import AutoModelForCausalLM

llama = {
    "model_type": "llama", "vocab_size": 19, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "eos_token_id": 2,
}
gpt2 = {"model_type": "gpt2", "vocab_size": 19, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 64, "eos_token_id": 2}
bases = {"llama": llama, "gpt2": gpt2}


def base(folder, name):
    """Writes a base model, and reads it."""
    Path(folder).mkdir(exist_ok=True)
    Path(folder, "config.json").write_text(json.dumps(bases[name]))
    save(tensors_of(bases[name]), Path(folder, "model.safetensors"))
    return AutoModelForCausalLM.from_pretrained(folder)


def adapter(name, model="llama", **settings):
    """Creates an adapter, fills its tensors by the formula, and reads it on a fresh base."""
    with tempfile.TemporaryDirectory() as root:
        folder = str(Path(root, "adapter"))
        config = LoraConfig(task_type="CAUSAL_LM", **settings)
        get_peft_model(base(root, model), config).save_pretrained(folder)
        path = Path(folder, "adapter_model.safetensors")
        with safe_open(path, "pt") as file:
            shapes = {key: list(file.get_tensor(key).shape) for key in file.keys()}
        tensors = [{"name": key, "shape": shapes[key], "seed": 50 + i, "offset": 0} for i, key in enumerate(sorted(shapes))]
        save(tensors, path)
        written = json.loads(Path(folder, "adapter_config.json").read_text())
        read = PeftModel.from_pretrained(base(root, model), folder).eval()
        written = {key: sorted(value) if key in ("target_modules", "exclude_modules") and isinstance(value, list) else value for key, value in written.items()}
        del written["base_model_name_or_path"]
        return {"name": name, "base": model, "config": written, "tensors": tensors, "logprobs": logprobs(read)}


unsloth = r"(?:.*?(?:language|text).*?(?:self_attn|attention|attn|mlp).*?(?:q_proj|v_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|attention|attn|mlp)\.(?:(?:q_proj|v_proj)))"

defaults = LoraConfig().to_dict()
defaults = {key: value.value if key == "peft_type" else value for key, value in defaults.items()}

write({"ids": ids, "defaults": defaults, "bases": {name: {"config": config, "tensors": tensors_of(config)} for name, config in bases.items()}, "adapters": [
    adapter("a list", target_modules=["q_proj", "mlp.down_proj"], r=4, lora_alpha=6),
    adapter("PEFT's defaults", target_modules=["k_proj"]),
    adapter("all linear maps", target_modules="all-linear", r=2),
    adapter("all linear maps of GPT-2", model="gpt2", target_modules="all-linear", r=2, lora_alpha=3),
    adapter("a regular expression", target_modules=r".*\.layers\.[02]\.self_attn\.(q|v)_proj", r=3),
    adapter("the regular expression of Unsloth", target_modules=unsloth, r=2),
    adapter("an alternative that matches a whole name only", target_modules=r"model\.layers\.1\.mlp\.up_proj|up_proj", r=2),
    adapter("excluded modules", target_modules=["q_proj", "up_proj"], exclude_modules=["layers.1.self_attn.q_proj", "model.layers.0.mlp.up_proj"]),
    adapter("modules excluded by a regular expression", target_modules="all-linear", exclude_modules=r".*(mlp|layers\.2).*", r=2),
    adapter("some layers", target_modules=["v_proj", "down_proj"], layers_to_transform=[0, 2], r=2),
    adapter("one layer of a named list", target_modules=["v_proj"], layers_to_transform=1, layers_pattern="layers", r=2),
    adapter("rsLoRA", target_modules=["q_proj", "o_proj"], r=4, lora_alpha=8, use_rslora=True),
    adapter("ranks by module", target_modules=["q_proj", "k_proj", "down_proj"], r=4, lora_alpha=8, rank_pattern={r".*\.2\.self_attn\.k_proj": 7, "k_proj": 2, "layers.1.mlp.down_proj": 1}),
    adapter("alphas by module", target_modules=["q_proj", "v_proj"], r=2, lora_alpha=8, alpha_pattern={r"layers\.[01]\.self_attn\.q_proj": 3, "v_proj": 1}),
    adapter("ranks and alphas of rsLoRA", target_modules=["q_proj", "v_proj"], r=2, lora_alpha=8, use_rslora=True, rank_pattern={"q_proj": 4}, alpha_pattern={"layers.2.self_attn.q_proj": 5}),
    adapter("ranks of GPT-2", model="gpt2", target_modules=["c_attn", "c_proj"], r=2, rank_pattern={r"h\.0\.mlp\.c_proj": 3}),
    adapter("a Gaussian start", target_modules=["q_proj"], init_lora_weights="gaussian", r=2),
    adapter("an orthogonal start", target_modules=["q_proj"], init_lora_weights="orthogonal", r=2),
]})
