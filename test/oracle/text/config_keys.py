"""The keys and defaults of transformers' config classes: what config.json and generation_config.json contain as it writes them."""
from oracle import write
from transformers import AutoConfig, GenerationConfig

models = ["llama", "mistral", "ministral", "qwen2", "qwen3", "gpt2"]


def plain(config):
    """A config's keys as its file has them."""
    return {key: value for key, value in config.to_dict().items() if key != "transformers_version"}


write({
    "config": {name: plain(AutoConfig.for_model(name)) for name in models},
    "generation": plain(GenerationConfig()),
})
