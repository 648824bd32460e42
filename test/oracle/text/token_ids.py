"""Token ids of small tokenizers of eleven families, and their texts, as AutoTokenizer of transformers computes them."""
import hashlib
import json
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer
from transformers.convert_slow_tokenizer import import_protobuf

from oracle import write

# Training is not reproducible to the last tie, so a tokenizer is trained once and its files are committed.
FOLDER = Path(__file__).parent.parent / "tokenizers"
TEXTS = 3000
WORDS = (
    "the of and to in that is was he for it with as his on be at by had not are but from or have an they which one you were "
    "all her she there would their we him been has when who will no more if out so said what up its about into than them can "
    "only other new some could time these two may then do first any my now such like our over man me even most made after also "
    "did many before must through back years where much your way well down should because each just those people Mr how too "
    "little state good very make world still own see men work long here get both between life being under never day same "
    "another know while last might us great old year off come since against go came right used take three naïve café größer "
    "Übung straße señor niño été garçon привет мир как дела 你好 世界 东京 こんにちは 世界 مرحبا שלום ไทย 한국어 αβγ δε don't it's we'll I'm 3.14 1,000 2024"
).split()
ALPHABET = [
    "abcdefghijklmnopqrstuvwxyzABCXYZ", "0123456789", "     \t\n\r", ".,;:!?'\"()[]{}<>-_=+*/\\|@#$%^&~`", "éüñßøçÀÉ", "½²①Ⅳ١٢३", "\u0085\u00a0\u2003\u3000\ufeff\u200b\u2028",
    "привет你好世界こんقحשלไ한", "😀👍🏽👨‍👩‍👧", "ﬁﬀ\u0301\u0327ǆ", "\x00\x01\x7f\x1f", "▁ĠĊ",
]
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<|im_start|>", "<|im_end|>", "[CLS]", "[SEP]", "[MASK]", "<0x0A>"]


def corpus(seed, count=1500):
    r = random.Random(seed)
    return [" ".join(r.choice(WORDS) for _ in range(r.randint(3, 12))) + r.choice([".", "!", "?", "\n", ""]) for _ in range(count)]


def texts(seed):
    r = random.Random(seed)
    for _ in range(TEXTS):
        parts = []
        for _ in range(r.randint(0, 9)):
            kind = r.random()
            if kind < 0.5:
                parts.append(r.choice(["", " ", "  ", "\n"]) + r.choice(WORDS))
            elif kind < 0.85:
                parts.append("".join(r.choice(r.choice(ALPHABET)) for _ in range(r.randint(1, 6))))
            else:
                parts.append(r.choice(["", " "]) + r.choice(SPECIAL))
        yield "".join(parts)


def bpe(pre, special, byte_level=True, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre
    alphabet = pre_tokenizers.ByteLevel.alphabet() if byte_level else []
    tokenizer.train_from_iterator(corpus(1), trainers.BpeTrainer(vocab_size=900, special_tokens=special, initial_alphabet=alphabet, show_progress=False))
    if byte_level:
        tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def gpt2():
    return bpe(pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"]), {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}


def llama3():
    tokenizer = bpe(split(LLAMA3), ["<s>", "</s>", "<|im_end|>"])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])])
    return tokenizer, {"bos_token": "<s>", "eos_token": "<|im_end|>", "clean_up_tokenization_spaces": True}


def qwen():
    tokenizer = bpe(split(QWEN), ["<|im_start|>", "<|im_end|>", "<pad>"])
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer, {"eos_token": "<|im_end|>", "pad_token": "<pad>", "additional_special_tokens": ["<|im_start|>", "<|vision|>"]}


def smollm():
    return bpe(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), ["<|im_start|>", "<|im_end|>"]), {"eos_token": "<|im_end|>"}


def gpt4o():
    return bpe(split(GPT4O), ["<|endoftext|>"], ignore_merges=True), {"eos_token": "<|endoftext|>"}


def with_bytes(tokenizer, special):
    """Gives a BPE model the tokens of bytes."""
    content = json.loads(tokenizer.to_str())
    vocab = list(content["model"]["vocab"])
    bytes_ = [f"<0x{i:02X}>" for i in range(256)]
    content["model"]["vocab"] = {token: i for i, token in enumerate(special + bytes_ + [t for t in vocab if t not in special])}
    for token in content["added_tokens"]:
        token["id"] = content["model"]["vocab"][token["content"]]
    content["model"].update(byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    return Tokenizer.from_str(json.dumps(content))


def llama2(legacy=True):
    special = ["<unk>", "<s>", "</s>"]
    tokenizer = with_bytes(bpe(pre_tokenizers.Metaspace(), special, byte_level=False, unk_token="<unk>"), special)
    if legacy:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.pre_tokenizer = None
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": False, "add_eos_token": True}


def gemma():
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    tokenizer = with_bytes(bpe(pre_tokenizers.Metaspace(prepend_scheme="never"), special, byte_level=False, unk_token="<unk>"), special)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def unigram():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "corpus.txt").write_text("\n".join(line.strip() for line in corpus(2)), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=f"{folder}/corpus.txt", model_prefix=f"{folder}/m", vocab_size=500, model_type="unigram", normalization_rule_name="nmt_nfkc",
            hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, num_threads=1, minloglevel=2,
        )
        proto = import_protobuf().ModelProto()
        proto.ParseFromString((Path(folder) / "m.model").read_bytes())
    tokenizer = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in proto.pieces], unk_id=2, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<pad>", "</s>", AddedToken("[MASK]", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return tokenizer, {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "[MASK]"}


def wordpiece():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(corpus(3), trainers.WordPieceTrainer(vocab_size=500, special_tokens=special, show_progress=False))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer, {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "clean_up_tokenization_spaces": True}


def wordlevel():
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(corpus(4), trainers.WordLevelTrainer(vocab_size=400, special_tokens=["<unk>", "<pad>"], show_progress=False))
    tokenizer.add_tokens([AddedToken("word", single_word=True), AddedToken("new", rstrip=True, normalized=False)])
    return tokenizer, {"unk_token": "<unk>", "sep_token": "[SEP]"}


def digest(values):
    """One hash of all values, and every hundredth of them to show a difference by."""
    values = list(values)
    return {"sha256": hashlib.sha256(json.dumps(values, separators=(",", ":")).encode()).hexdigest(), "some": values[::100]}


def family(name, build, samples, rows):
    folder = FOLDER / name
    if not folder.exists():
        tokenizer, settings = build()
        folder.mkdir(parents=True)
        (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")
        config = {"tokenizer_class": "PreTrainedTokenizerFast", **settings}
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    loaded = AutoTokenizer.from_pretrained(folder)
    encodings = [loaded._tokenizer.encode(text, add_special_tokens=False) for text in samples]
    return {
        "size": len(loaded),
        "ids": digest(encoding.ids for encoding in encodings),
        "withSpecialTokens": digest(loaded(text)["input_ids"] for text in samples),
        "decoded": digest(loaded.decode(row, skip_special_tokens=True) for row in rows),
        "decodedWhole": digest(loaded.decode(row) for row in rows),
        "roundTrip": digest(loaded.decode(encoding.ids, skip_special_tokens=True) for encoding in encodings),
    }


families = {
    "gpt2": gpt2, "llama3": llama3, "qwen": qwen, "smollm": smollm, "gpt4o": gpt4o, "llama2": llama2, "mistral": lambda: llama2(legacy=False),
    "gemma": gemma, "unigram": unigram, "wordpiece": wordpiece, "wordlevel": wordlevel,
}
samples = list(texts(5))
r = random.Random(6)
rows = [[r.randrange(1300) for _ in range(r.randint(0, 12))] for _ in range(1000)]
write({"texts": samples, "rows": rows, "families": {name: family(name, build, samples, rows) for name, build in families.items()}})
