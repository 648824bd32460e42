"""Training steps by TRL: GRPO or RLOO on the example's policy and prompts, with two rewards that cost nothing.

python trl_step.py MODEL PROMPTS SETTINGS ALGORITHM

PROMPTS is JSON: a list of users' messages. SETTINGS is JSON: what the example's run.yaml says. A round is one
step. The rewards depend on the text, so that completions of a prompt differ.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
import trl
from datasets import Dataset

from peer import requests, say

model, settings = sys.argv[1], json.loads(sys.argv[3])
algorithm = sys.argv[4]
texts = json.loads(Path(sys.argv[2]).read_text())
torch.set_num_threads(settings["threads"])


class InTurn(transformers.TrainerCallback):
    """Waits before each step until the parent asks for one, and says how long it took."""

    def __init__(self) -> None:
        self.asked = requests()
        self.began: float | None = None
        self.tokens = 0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Waits."""
        if next(self.asked, None) is None:
            sys.exit(0)
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Answers."""
        say({"millis": 1e3 * (time.perf_counter() - (self.began or 0)), "tokens": self.tokens})


turns = InTurn()


def length(completion_ids: list[list[int]], **_: Any) -> list[float]:
    """A reward: minus the number of tokens, in tens."""
    turns.tokens = sum(map(len, completion_ids))
    return [-len(ids) / 10 for ids in completion_ids]


def variety(completion_ids: list[list[int]], **_: Any) -> list[float]:
    """A reward: the share of different tokens."""
    return [len(set(ids)) / max(1, len(ids)) for ids in completion_ids]


common: dict[str, Any] = {
    "output_dir": tempfile.mkdtemp(),
    "use_cpu": True,
    "bf16": False,
    "per_device_train_batch_size": settings["prompts"] * settings["samples"],
    "num_generations": settings["samples"],
    "max_completion_length": settings["maxNewTokens"],
    "temperature": settings["temperature"],
    "learning_rate": settings["learningRate"],
    "lr_scheduler_type": "constant",
    "beta": settings["beta"],
    "max_steps": 10_000,
    "num_train_epochs": 1000,
    "gradient_checkpointing": False,
    "report_to": [],
    "logging_strategy": "no",
    "save_strategy": "no",
    "disable_tqdm": True,
    "seed": 1,
}
config, trainer_class = {
    "grpo": (trl.GRPOConfig, trl.GRPOTrainer),
    "rloo": (trl.RLOOConfig, trl.RLOOTrainer),
}[algorithm]
trainer = trainer_class(
    model=transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
    processing_class=transformers.AutoTokenizer.from_pretrained(model, padding_side="left"),
    reward_funcs=[length, variety],
    args=config(**common),
    train_dataset=Dataset.from_list(
        [{"prompt": [{"role": "user", "content": text}]} for text in json.loads(Path(sys.argv[2]).read_text())]
    ),
    peft_config=peft.LoraConfig(r=settings["rank"], lora_alpha=settings["alpha"], target_modules="all-linear"),
    callbacks=[turns],
)
say({"versions": {"TRL": trl.__version__, "PyTorch": torch.__version__, "transformers": transformers.__version__}})
trainer.train()
