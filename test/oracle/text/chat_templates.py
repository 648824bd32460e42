"""Chat templates in the style of published ones, on conversations, as transformers renders them."""
import sys
from datetime import datetime
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent.parent))
import transformers.utils.chat_template_utils as chat_template_utils

from oracle import write

NOW = datetime(2026, 11, 8, 12, 0, 0)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


def conversation(*turns):
    return [{"role": role, "content": content} for role, content in turns]


CONVERSATIONS = [
    conversation(("user", "Hello!")),
    conversation(("system", "Be brief. "), ("user", "  Where is it?\n")),
    conversation(("user", "One"), ("assistant", "Two"), ("user", "Three\n\n\tfour <b>&amp;</b> 'five' \"six\""), ("assistant", " Seven 😀 ")),
    conversation(("system", "/no_think You plan."), ("user", "Why?"), ("assistant", "<think>\nBecause.\n</think>\n\n    x = 1\n"), ("user", "<tool_response>y</tool_response>"), ("assistant", "Done </think> twice")),
    conversation(("user", ""), ("assistant", "")),
    conversation(("assistant", "I begin"), ("tool", "42"), ("user", "Naïve Ünïcode ½ straße\r\n end")),
]
VARIABLES = [{}, {"enable_thinking": False}]


class Clock:
    now = staticmethod(lambda: NOW)


def rendered(source, messages, open_reply, variables):
    try:
        [text], _ = chat_template_utils.render_jinja_template(
            [messages], chat_template=source, add_generation_prompt=open_reply, **{**SPECIAL, **variables}
        )
        return text
    except Exception:
        return None


templates = {path.stem: path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "chat_templates").glob("*.jinja"))}
with mock.patch.object(chat_template_utils, "datetime", Clock):
    texts = {
        name: [rendered(source, messages, open_reply, variables) for messages in CONVERSATIONS for open_reply in (False, True) for variables in VARIABLES]
        for name, source in templates.items()
    }
write({"now": NOW.isoformat() + "Z", "specialTokens": SPECIAL, "conversations": CONVERSATIONS, "variables": VARIABLES, "texts": texts})
