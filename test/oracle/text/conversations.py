"""
The tokens that a policy learns of conversations, for tokenizers and chat templates of the common families: the conversation
is encoded once, whole, and cut where the encoding of the prompt alone ends, as TRL's trainers do.
"""
import json
import tempfile
from pathlib import Path

from oracle import write
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

corpus = [
    "hello world is a world of words, and the words are hello and world",
    "Q: hello\nA: world is\n\nQ: who are you?\nA: I am the world",
    "user assistant system Human Assistant think thinking thoughts",
    "The sky is blue. The sky is green. Where is the sun? In the sky.",
    "é ü 你好 👋 1234 5678\n\n\ttabs and  spaces   everywhere",
] * 4
specials = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>"]


def sentencepiece_like():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokens = [*specials, *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=420, special_tokens=tokens, show_progress=False))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    # Training adds the byte tokens as special ones; in a model they are ordinary.
    described = json.loads(tokenizer.to_str())
    described["added_tokens"] = [token for token in described["added_tokens"] if not token["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(described))


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=specials, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


chatml = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
templates = {
    "none": None,
    "Llama 2": "{% for m in messages %}{% if m['role'] == 'system' %}{{ bos_token }}<<SYS>>\n{{ m['content'] }}\n<</SYS>>\n\n"
    "{% elif m['role'] == 'user' %}{{ bos_token }}[INST] {{ m['content'] | trim }} [/INST]{% else %} {{ m['content'] | trim }} {{ eos_token }}{% endif %}{% endfor %}",
    "Zephyr": "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    "Llama 3": "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
    "Gemma": "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
    "ChatML": chatml,
    # Qwen3 writes an empty thought before the last reply, and before none when it asks for one.
    "Qwen3": "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    # With thinking switched off, Qwen3 asks with the empty thought.
    "Qwen3 without thinking": "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}",
    "DeepSeek R1": "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<|User|>{{ m.content }}{% else %}<|Assistant|>{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}",
}
# The tokens at which a model stops: those of its generation_config.json.
stops = {"Llama 3": ["</s>", "<|eot_id|>"], "Gemma": ["</s>", "<end_of_turn>"], "ChatML": ["<|im_end|>"], "Qwen3": ["<|im_end|>", "</s>"], "Qwen3 without thinking": ["<|im_end|>"]}

user = lambda content: {"role": "user", "content": content}
assistant = lambda content: {"role": "assistant", "content": content}
conversations = [
    [user("hello"), assistant("world is")],
    [user("who are you?"), assistant("I am\n\nthe world.")],
    [user("hello"), assistant("hello"), user("Where is the sun?"), assistant("In the sky 👋")],
]
texts = [("Q: hello\nA:", " world is"), ("Q: he", "llo"), ("<s>Q: hello\nA:", " é"), ("The sky is ", "blue.")]


def cut(alone, whole):
    length = 0
    while length < min(len(alone), len(whole)) and alone[length] == whole[length]:
        length += 1
    return length


def ended(ids, ends, end):
    """Up to the first token that the model stops at; one is added where there is none."""
    found = next((i for i, token in enumerate(ids) if token in ends), None)
    return [*ids, end] if found is None else ids[: found + 1]


def learned(tokenizer, name, prompt, reply):
    """Ids of the prompt and of the reply. Both are messages, or texts without a template."""
    ends = tokenizer.convert_tokens_to_ids(stops.get(name, ["</s>"]))
    end = tokenizer.eos_token_id if tokenizer.eos_token_id in ends else ends[0]
    if name == "none":
        # A prompt that begins with the first token already does not get it twice.
        special = not prompt.startswith("<s>")
        alone, whole = (tokenizer(text, add_special_tokens=special)["input_ids"] for text in [prompt, prompt + reply])
    else:
        alone = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=False)
        whole = tokenizer.apply_chat_template([*prompt, reply], return_dict=False)
    length = cut(alone, whole)
    return {"prompt": whole[:length], "completion": ended(whole[length:], ends, end)}


values = {"tokenizers": {}, "families": []}
for kind, tokenizer in [("SentencePiece", sentencepiece_like()), ("byte level", byte_level())]:
    values["tokenizers"][kind] = json.loads(tokenizer.to_str())
    for name, template in templates.items():
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", chat_template=template)
        cases = []
        if name == "none":
            cases = [{"text": [prompt, reply], "learned": [learned(fast, name, prompt, reply)]} for prompt, reply in texts]
        else:
            for turns in conversations:
                replies = [i for i, turn in enumerate(turns) if turn["role"] == "assistant"]
                cases.append({"messages": turns, "learned": [learned(fast, name, turns[:i], turns[i]) for i in replies]})
        ends = fast.convert_tokens_to_ids(stops.get(name, ["</s>"]))
        values["families"].append({"name": name, "tokenizer": kind, "template": template, "stops": ends, "cases": cases})

write(values)
