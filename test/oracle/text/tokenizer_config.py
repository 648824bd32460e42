"""Keys of tokenizer_config.json that rebuild a component of tokenizer.json: what AutoTokenizer encodes, by class, key and value."""
import json
import tempfile
from pathlib import Path

from oracle import write
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer

TEXT = "Hé, Lo中"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def byte_level(prefix):
    pieces = sorted({*pre_tokenizers.ByteLevel(add_prefix_space=True).pre_tokenize_str(TEXT)[0][0], "Ġ", "L", "o", ",", "Ã", "©", "ä", "¸", "Ń", "H"})
    tokenizer = Tokenizer(models.BPE({piece: index for index, piece in enumerate(SPECIAL + pieces)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def word_piece(**options):
    letters = ["H", "h", "é", "e", ",", "L", "l", "o", "中"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(models.WordPiece({piece: index for index, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(**options)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def sentence_piece(scheme):
    pieces = [*((token, 0.0) for token in SPECIAL), *((piece, -2.0) for piece in ["▁", "H", "é", ",", "L", "o", "中"])]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    return tokenizer


def encoded(tokenizer, config, model_type):
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(f"{folder}/tokenizer.json")
        if model_type is not None:
            Path(folder, "config.json").write_text(json.dumps({"model_type": model_type}))
        Path(folder, "tokenizer_config.json").write_text(json.dumps(config))
        return AutoTokenizer.from_pretrained(folder)(TEXT, add_special_tokens=False).input_ids


tokenizers = {
    "byteLevel": byte_level(False),
    "byteLevelWithSpace": byte_level(True),
    "cased": word_piece(lowercase=False, strip_accents=False, handle_chinese_chars=True),
    "uncased": word_piece(lowercase=True, strip_accents=True, handle_chinese_chars=True),
    "sentencePiece": sentence_piece("first"),
    "sentencePieceWithoutSpace": sentence_piece("never"),
}
named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
flags = [True, False]
configs = {
    ("byteLevel", "byteLevelWithSpace"): [
        {**named, "tokenizer_class": name, "add_prefix_space": flag}
        for name in ["GPT2Tokenizer", "RobertaTokenizerFast", "LlamaTokenizerFast", "PreTrainedTokenizerFast"]
        for flag in flags
    ],
    ("cased", "uncased"): [
        {"tokenizer_class": name, "do_lower_case": lower, "strip_accents": lower, "tokenize_chinese_chars": chinese}
        for name in ["BertTokenizer", "DistilBertTokenizerFast", "TokenizersBackend"]
        for lower in flags
        for chinese in flags
    ],
    ("sentencePiece", "sentencePieceWithoutSpace"): [
        {**named, "tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": flag} for flag in flags
    ],
}
# Keys that do nothing when there is a tokenizer.json.
inert = [
    {"add_bos_token": True}, {"add_eos_token": True}, {"legacy": False}, {"errors": "strict"}, {"padding_side": "left"},
]
# Qwen2Tokenizer and XLMRobertaTokenizer rebuild more than the prefix, which these two have already.
prefix = [{"tokenizer_class": "Qwen2TokenizerFast", "add_prefix_space": flag} for flag in flags]
configs[("byteLevel",)] = [
    *({**named, "tokenizer_class": "GPT2Tokenizer", **more} for more in inert),
    *({**named, **more} for more in prefix),
]
configs[("sentencePiece",)] = [
    {**named, "tokenizer_class": "XLMRobertaTokenizer", "add_prefix_space": flag} for flag in flags
]
# A class has defaults for absent keys. Without a class, AutoTokenizer takes the one of the model type.
absent = {
    ("byteLevel", "byteLevelWithSpace"): [
        *((None, {**named, "tokenizer_class": name}) for name in ["GPT2Tokenizer", "RobertaTokenizer", "BlenderbotTokenizer"]),
        *((kind, named) for kind in ["gpt2", "roberta", "llama", "mistral"]),
        ("gpt2", {**named, "tokenizer_class": "PreTrainedTokenizerFast"}),
        ("gpt2", {**named, "add_prefix_space": True}),
    ],
    ("cased", "uncased"): [
        *((None, {"tokenizer_class": name}) for name in ["BertTokenizer", "DistilBertTokenizerFast", "MPNetTokenizer"]),
        *((None, {"tokenizer_class": "BertTokenizer", "do_lower_case": lower}) for lower in flags),
        *((kind, {}) for kind in ["bert", "distilbert", "electra"]),
        ("bert", {"do_lower_case": False, "strip_accents": False}),
    ],
    ("sentencePiece", "sentencePieceWithoutSpace"): [
        (None, {**named, "tokenizer_class": "LlamaTokenizer"}),
        *((kind, named) for kind in ["llama", "mistral"]),
    ],
    ("sentencePiece",): [(None, {**named, "tokenizer_class": "XLMRobertaTokenizer"}), ("xlm-roberta", named)],
}
rows = [(name, config, None) for names, options in configs.items() for name in names for config in options] + [
    (name, config, kind) for names, options in absent.items() for name in names for kind, config in options
]

write({
    "text": TEXT,
    "tokenizers": {name: json.loads(tokenizer.to_str()) for name, tokenizer in tokenizers.items()},
    "cases": [
        {
            "tokenizer": name,
            "config": config,
            **({} if model_type is None else {"modelType": model_type}),
            "ids": encoded(tokenizers[name], config, model_type),
            "ownIds": tokenizers[name].encode(TEXT, add_special_tokens=False).ids,
        }
        for name, config, model_type in rows
    ],
})
