"""Sampling by transformers.generate, with the adapters merged.

python transformers_sampling.py DIRECTORY THREADS ROWS PROMPT TOKENS
"""

import sys

import torch
import transformers

from peer import serve
from prompts import prompts

directory, threads, rows, length, tokens = sys.argv[1], *map(int, sys.argv[2:6])
torch.set_num_threads(threads)
model = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
ids = torch.tensor(prompts(rows, length, model.config.vocab_size))
model.generation_config = transformers.GenerationConfig(
    do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=tokens, eos_token_id=None, pad_token_id=0
)


def sample() -> dict[str, int]:
    """All completions."""
    with torch.no_grad():
        out = model.generate(ids, attention_mask=torch.ones_like(ids))
    return {"tokens": int(out.numel() - ids.numel())}


serve({"transformers": transformers.__version__, "PyTorch": torch.__version__}, {"sample": sample})
