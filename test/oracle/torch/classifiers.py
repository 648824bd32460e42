"""Scores of small sequence classifiers by transformers, for items alone and in a padded batch, and their exports to ONNX.

The exports are committed in classifiers/, because exporters change; this script writes one that is missing. Weights are not
random: each element is a function of its tensor's name and its index.
"""
import bisect
import json
import math
import os
import tempfile
import warnings
import zlib
from pathlib import Path

import onnxruntime
import torch
from oracle import write
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

warnings.simplefilter("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(1)

HERE = Path(__file__).parent.parent
LIMIT = 32

ITEMS = [
    ["How do I reset my password?", "Open the settings."],
    ["", "yes"],
    ["Where is it", "In room two, please knock on the door."],
    ["one two three four five six seven eight nine ten " * 8, "That is a long list."],
    ["Café über Straße", "naïve"],
]


def special(token, identifier):
    """A token that tokenizer.json finds in texts and templates."""
    return {"id": identifier, "content": token, "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


def place(token, segment=0):
    return {"SpecialToken": {"id": token, "type_id": segment}}


def sequence(name, segment=0):
    return {"Sequence": {"id": name, "type_id": segment}}


ROBERTA_TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [place("<s>"), sequence("A"), place("</s>")],
    "pair": [place("<s>"), sequence("A"), place("</s>"), place("</s>"), sequence("B"), place("</s>")],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [844], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [845], "tokens": ["</s>"]}},
}
CHAT = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
GEMMA_CHAT = "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}"

# What a classifier's tokenizer has beside that of tokenizers/BASE.
TOKENIZERS = {
    "bert": {"base": "wordpiece", "config": {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}},
    "roberta": {
        "base": "gpt2",
        "added": [special("<s>", 844), special("</s>", 845), special("<pad>", 846)],
        "post_processor": ROBERTA_TEMPLATE,
        "config": {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>"},
    },
    "gpt2": {"base": "gpt2", "config": {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}},
    "qwen": {"base": "qwen", "config": {"eos_token": "<|im_end|>", "pad_token": "<pad>", "chat_template": CHAT}},
    "gemma": {"base": "gemma", "config": {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "chat_template": GEMMA_CHAT}},
    "llama": {"base": "llama2", "config": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}},
}

ENCODER = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": LIMIT}
DECODER = {**ENCODER, "num_key_value_heads": 1, "max_position_embeddings": 64}
BERT = {"model_type": "bert", "vocab_size": 472, **ENCODER, "pad_token_id": 0}
DISTILBERT = {"model_type": "distilbert", "vocab_size": 472, "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 12, "max_position_embeddings": LIMIT, "pad_token_id": 0}
ROBERTA = {"model_type": "roberta", "vocab_size": 847, **ENCODER, "pad_token_id": 1, "bos_token_id": 844, "eos_token_id": 845}
DEBERTA = {
    "model_type": "deberta-v2", "vocab_size": 472, **ENCODER, "pad_token_id": 0, "relative_attention": True, "position_buckets": 8,
    "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "type_vocab_size": 0,
}
GPT2 = {"model_type": "gpt2", "vocab_size": 844, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": LIMIT, "bos_token_id": 0, "eos_token_id": 0}
LLAMA = {"model_type": "llama", "vocab_size": 1156, **DECODER, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
QWEN2 = {"model_type": "qwen2", "vocab_size": 837, **DECODER, "pad_token_id": 2, "bos_token_id": None, "eos_token_id": 1}
GEMMA = {"model_type": "gemma", "vocab_size": 1156, **DECODER, "head_dim": 4, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}

PAIR = {"input": "pair"}
TEXT = {"input": "text", "text": "{prompt}\n{completion}", "max_tokens": LIMIT}
CHATS = {"input": "chat", "max_tokens": 54}
NAMES = {"id2label": {"0": "rude", "1": "fair", "2": "kind"}, "label2id": {"rude": 0, "fair": 1, "kind": 2}}
MULTI = {"problem_type": "multi_label_classification"}
REGRESSION = {"problem_type": "regression"}
SINGLE = {"problem_type": "single_label_classification"}


def classifier(name, tokenizer, config, options, model=None, **form):
    """A classifier to score, from the export `model`, by default of its own name."""
    return {"name": name, "model": model or name, "tokenizer": tokenizer, "config": config, "options": options, "form": form}


CLASSIFIERS = [
    classifier("bert", "bert", BERT, PAIR),
    classifier("bert of one text", "bert", BERT, TEXT, "bert"),
    classifier("bert with a sigmoid", "bert", BERT, {**PAIR, "function_to_apply": "sigmoid"}, "bert"),
    classifier("distilbert", "bert", DISTILBERT, PAIR),
    classifier("roberta", "roberta", {**ROBERTA, "max_position_embeddings": LIMIT + 2}, PAIR),
    classifier("deberta-v2", "bert", DEBERTA, PAIR),
    classifier("gpt2 that pads with its end token", "gpt2", {**GPT2, "pad_token_id": 0}, TEXT, "gpt2"),
    classifier("gpt2 without a padding token", "gpt2", GPT2, TEXT, "gpt2-unpadded", unpadded=True),
    classifier("llama", "llama", LLAMA, TEXT),
    classifier("qwen2", "qwen", QWEN2, {**CHATS, "max_tokens": 56}),
    classifier("gemma", "gemma", GEMMA, CHATS),
    classifier("three labels", "bert", {**BERT, **NAMES}, {**PAIR, "label": "kind"}, "bert-3"),
    classifier("three labels of one choice", "bert", {**BERT, **NAMES, **SINGLE}, {**PAIR, "label": "kind"}, "bert-3"),
    classifier("three labels, the probability", "bert", {**BERT, **NAMES}, {**PAIR, "label": 1, "function_to_apply": "softmax"}, "bert-3"),
    classifier("three labels, the logit", "bert", {**BERT, **NAMES}, {**PAIR, "label": 1, "function_to_apply": "none"}, "bert-3"),
    classifier("three labels that exclude none", "bert", {**BERT, **NAMES, **MULTI}, {**PAIR, "label": "kind"}, "bert-3"),
    classifier("three labels that exclude none, the probability", "bert", {**BERT, **NAMES, **MULTI}, {**PAIR, "label": "rude", "function_to_apply": "sigmoid"}, "bert-3"),
    classifier("three values", "bert", {**BERT, **NAMES, **REGRESSION}, {**PAIR, "label": "fair"}, "bert-3"),
    classifier("one value", "bert", {**BERT, **REGRESSION}, PAIR, "bert"),
    classifier("float16", "bert", BERT, PAIR, "bert-float16", half=True),
    classifier("int32 inputs", "bert", BERT, PAIR, "bert-int32", inputs="int32"),
    classifier("a fixed shape", "bert", BERT, PAIR, "bert-fixed", fixed=True),
    classifier("a quantised model", "bert", BERT, PAIR, "bert-int8", quantised=True),
]


def build(config, half=False):
    """A model whose elements are a function of their tensor's name and their index."""
    settings = AutoConfig.for_model(**{"num_labels": 1, **config} if "id2label" not in config else config)
    model = AutoModelForSequenceClassification.from_config(settings, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            seed = zlib.crc32(name.encode()) % 1000
            offset = 1 if tensor.dim() == 1 and "norm" in name.lower() and name.endswith("weight") and config["model_type"] != "gemma" else 0
            values = [offset + 0.5 * math.sin(seed * 12.9898 + i * 78.233) for i in range(tensor.numel())]
            tensor.copy_(torch.tensor(values).reshape(tensor.shape))
    return model.half() if half else model


class Logits(torch.nn.Module):
    """A model as a function of its inputs in order."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs):
        return self.model(**{name: value.long() for name, value in zip(self.names, inputs)}).logits


def export(path, model, names, half=False, inputs="int64", fixed=False, unpadded=False, quantised=False):
    """Writes a model as ONNX."""
    rows, length = (1, LIMIT) if fixed else (1 if unpadded else 2, 7)
    dtype = getattr(torch, inputs)
    ids = (torch.arange(rows * length).reshape(rows, length) % 50 + 5).to(dtype)
    mask = torch.ones_like(ids)
    arguments = [{"input_ids": ids, "attention_mask": mask}.get(name, torch.zeros_like(ids)) for name in names]
    dynamic = None if fixed else {**{name: {0: "rows", 1: "length"} for name in names}, "logits": {0: "rows"}}
    with tempfile.TemporaryDirectory() as folder:
        plain = os.path.join(folder, "model.onnx") if quantised else str(path)
        torch.onnx.export(Logits(model, names).eval(), tuple(arguments), plain, input_names=names, output_names=["logits"], dynamic_axes=dynamic, opset_version=17, dynamo=False)
        if quantised:
            from onnxruntime.quantization import quantize_dynamic

            # Seven bits, so that processors with and without the instructions for eight agree.
            quantize_dynamic(plain, str(path), reduce_range=True)


def tokenizer_of(name):
    """The tokenizer of tokenizers/BASE with what a classifier adds."""
    described = TOKENIZERS[name]
    content = json.loads((HERE / "tokenizers" / described["base"] / "tokenizer.json").read_text("utf-8"))
    content["added_tokens"] += described.get("added", [])
    if "post_processor" in described:
        content["post_processor"] = described["post_processor"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tokenizer.json").write_text(json.dumps(content))
        Path(folder, "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **described["config"]}))
        tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.truncation_side, tokenizer.padding_side = "left", "right"
    return tokenizer


def encoded(tokenizer, options, prompt, completion, names):
    """An item's tokens: tokenizers truncates a pair; otherwise the prompt keeps its last characters as far as all fits."""
    if options["input"] == "pair":
        return tokenizer(prompt, completion, truncation="only_first", max_length=LIMIT, return_token_type_ids="token_type_ids" in names)

    def keeping(count):
        kept = prompt[len(prompt) - count :]
        if options["input"] == "text":
            found = tokenizer(options["text"].format(prompt=kept, completion=completion), return_token_type_ids=True)
        else:
            turns = [{"role": "user", "content": kept}, {"role": "assistant", "content": completion}]
            text = tokenizer.apply_chat_template(turns, tokenize=False)
            found = tokenizer(text, add_special_tokens=False, return_token_type_ids=True)
        return {name: found[name] for name in names}

    fits = lambda count: len(keeping(count)["input_ids"]) <= options["max_tokens"]
    return keeping(bisect.bisect_left(range(1, len(prompt) + 1), True, key=lambda count: not fits(count)))


def scored(logits, config, options):
    """The score of a row of logits: by default the log-odds of the label in the model's own terms, or its value."""
    label = options.get("label", 0)
    column = label if isinstance(label, int) else config["label2id"][label]
    apply = options.get("function_to_apply")
    row = logits.double()
    if apply == "sigmoid":
        return row[column].sigmoid().item()
    if apply == "softmax":
        return row.softmax(-1)[column].item()
    exclusive = len(row) > 1 and config.get("problem_type") in (None, "single_label_classification")
    return (row.softmax(-1)[column].logit() if apply is None and exclusive else row[column]).item()


def values(classifier):
    config, options, form = classifier["config"], classifier["options"], classifier["form"]
    tokenizer = tokenizer_of(classifier["tokenizer"])
    segments = config["model_type"] == "bert"
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if segments else [])]
    model = build(config, form.get("half", False))
    path = HERE / "classifiers" / f"{classifier['model']}.onnx"
    if not path.exists():
        export(path, model, names, **form)
    session = onnxruntime.InferenceSession(path) if form.get("quantised") else None

    def run(batch):
        inputs = {name: torch.tensor(batch[name]) for name in names}
        with torch.no_grad():
            if session is not None:
                return torch.tensor(session.run(None, {name: value.numpy() for name, value in inputs.items()})[0])
            return model(**inputs).logits

    sequences = [encoded(tokenizer, options, prompt, completion, names) for prompt, completion in ITEMS]
    alone = [run({name: [sequence[name]] for name in names})[0] for sequence in sequences]
    found = {**{key: classifier[key] for key in ("name", "model", "tokenizer", "config", "options")}}
    found["scores"] = [scored(row, config, options) for row in alone]
    if not form.get("unpadded") and not form.get("quantised"):
        together = run(tokenizer.pad(sequences, padding=True))
        found["padded"] = [scored(row, config, options) for row in together]
    return found


(HERE / "classifiers").mkdir(exist_ok=True)
write({"items": ITEMS, "tokenizers": TOKENIZERS, "classifiers": [values(one) for one in CLASSIFIERS]})
