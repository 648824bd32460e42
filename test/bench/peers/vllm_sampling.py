"""Sampling by vLLM on the CPU, with the adapters merged.

python vllm_sampling.py DIRECTORY THREADS ROWS PROMPT TOKENS
"""

import os
import sys

from peer import serve
from prompts import prompts

directory, threads, rows, length, tokens = sys.argv[1], *map(int, sys.argv[2:6])
os.environ.update(
    VLLM_CPU_KVCACHE_SPACE="1",
    VLLM_CPU_OMP_THREADS_BIND="nobind",
    OMP_NUM_THREADS=str(threads),
    VLLM_NO_USAGE_STATS="1",
)


def main() -> None:
    """Opens the model and serves."""
    import vllm  # reads the environment

    engine = vllm.LLM(
        model=directory, skip_tokenizer_init=True, dtype="float32", max_model_len=256, enable_prefix_caching=False
    )
    vocabulary = engine.llm_engine.model_config.hf_config.vocab_size
    inputs = [{"prompt_token_ids": ids} for ids in prompts(rows, length, vocabulary)]
    options = vllm.SamplingParams(temperature=1.0, max_tokens=tokens, ignore_eos=True, detokenize=False)

    def sample() -> dict[str, int]:
        outputs = engine.generate(inputs, options, use_tqdm=False)
        return {"tokens": sum(len(each.outputs[0].token_ids) for each in outputs)}

    serve({"vLLM": vllm.__version__}, {"sample": sample})


if __name__ == "__main__":
    main()
