"""
Writes tiny random reward models (LlamaForSequenceClassification), and the logits that transformers computes with them.

    python rewardModels.py TOKENIZER ITEMS.json DIR

ITEMS.json is a list of {prompt, completion, turns}. DIR/one and DIR/three become models of one label and of three, and
DIR/logits.json {"one": {"chat": [[...]], "pair": ..., "text": ...}, "three": {...}}: for each form, the logits of each item.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification


def model_of(labels: int, vocabulary: int) -> LlamaForSequenceClassification:
    """A model whose logits differ by several units from item to item."""
    torch.manual_seed(labels)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        initializer_range=0.1,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        num_labels=labels,
        dtype="float32",
    )
    return LlamaForSequenceClassification(config).eval()


def main() -> None:
    """Writes the models and the logits."""
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    items = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    directory = Path(sys.argv[3])
    forms = {
        "chat": [
            tokenizer.apply_chat_template(
                [*item["turns"], {"role": "assistant", "content": item["completion"]}],
                tokenize=True,
                return_dict=False,
            )
            for item in items
        ],
        "pair": [tokenizer(item["prompt"], item["completion"])["input_ids"] for item in items],
        "text": [tokenizer(f"Q: {item['prompt']} A: {item['completion']}")["input_ids"] for item in items],
    }
    logits = {}
    for name, labels in (("one", 1), ("three", 3)):
        model = model_of(labels, len(tokenizer))
        model.save_pretrained(directory / name)
        tokenizer.save_pretrained(directory / name)
        with torch.no_grad():
            logits[name] = {
                form: [model(torch.tensor([ids])).logits[0].tolist() for ids in rows] for form, rows in forms.items()
            }
    (directory / "logits.json").write_text(json.dumps(logits, indent=1) + "\n", encoding="utf-8")


main()
