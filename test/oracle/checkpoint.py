"""Small checkpoints whose elements follow a formula, so that a test can write the same files."""
import math

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

ids = [1, 5, 17, 3, 3, 8, 11, 4, 9, 16, 6, 7]


def elements(tensor):
    """A tensor's elements by a formula that the test computes too."""
    size = math.prod(tensor["shape"])
    values = [tensor["offset"] + 0.5 * math.sin(tensor["seed"] * 12.9898 + i * 78.233) for i in range(size)]
    return torch.tensor(values, dtype=torch.float32).reshape(tensor["shape"])


def tensors_of(config):
    """Describes the tensors of a model, without the output projection if it is tied."""
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
    tied = model.config.tie_word_embeddings
    found = []
    for seed, (name, value) in enumerate(model.state_dict().items()):
        if tied and name == "lm_head.weight":
            continue
        gain = name.endswith(("norm.weight", "ln_1.weight", "ln_2.weight", "ln_f.weight"))
        found.append({"name": name, "shape": list(value.shape), "seed": seed, "offset": 1 if gain else 0})
    return found


def save(tensors, path):
    """Writes described tensors as a safetensors file. Those of type BOOL are true above 0."""
    content = {}
    for tensor in tensors:
        value = elements(tensor)
        content[tensor["name"]] = value > 0 if tensor.get("dtype") == "BOOL" else value
    save_file(content, path, metadata={"format": "pt"})


def logprobs(model):
    """The log-probabilities of all ids but the first."""
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double()
    return logits.log_softmax(-1)[range(len(ids) - 1), ids[1:]].tolist()
