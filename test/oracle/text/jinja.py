"""Jinja as transformers renders chat templates: expressions written by hand, and expressions made at random."""
import random
import sys
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from transformers.utils.chat_template_utils import _compile_jinja_template

from oracle import write

CONTEXT = {
    "s": "Hello, World",
    "text": "  two  words\tand\nlines \n",
    "u": "Ünïcödé ß 😀 ǆ ﬁ",
    "n": 7,
    "neg": -3,
    "x": 2.5,
    "t": True,
    "f": False,
    "none": None,
    "list": [3, 1, 2],
    "words": ["pear", "Apple", "fig", "apple", "Fig"],
    "mixed": [1, "one", 1.5, True, None, [2], {"k": "v"}],
    "d": {"b": 1, "a": [1, 2], "C": "x", "items": "own"},
    "people": [
        {"name": "Ann", "age": 31, "tags": ["x", "y"], "at": {"city": "Rome"}},
        {"name": "bob", "age": 25, "tags": [], "at": {"city": "Oslo"}},
        {"name": "Cy", "age": 31, "tags": ["z"], "at": {"city": "rome"}},
        {"name": "dee", "age": None, "tags": None},
    ],
    "messages": [
        {"role": "system", "content": "Be brief.\n"},
        {"role": "user", "content": " <b>Hi</b> & 'you' \"there\" "},
        {"role": "assistant", "content": "<think>\nwhy\n</think>\n\n  Yes."},
    ],
    "empty": "",
    "nothing": [],
    "no": {},
}

BY_HAND = (Path(__file__).parent / "jinja_templates.txt").read_text(encoding="utf-8").split("\n%%\n")


class Expressions:
    """Expressions of a few types, so that most of them have a value."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *options):
        return self.random.choice(options)

    def text(self, depth):
        r = self.pick
        if depth <= 0:
            return r("s", "text", "u", "empty", "words[0]", "messages[1].content", "'a-b_c d'", "'%s'", "\"it's\"", "people[0].name", "'\\n x \\t'")
        t, n, l = (lambda: self.text(depth - 1)), (lambda: self.number(depth - 1)), (lambda: self.sequence(depth - 1))
        small = lambda: str(self.random.randint(-4, 9))
        return r(
            lambda: f"({t()} ~ {self.any(depth - 1)})",
            lambda: f"({t()} + {t()})",
            lambda: f"{t()}[{small()}:{small()}]",
            lambda: f"{t()}[::{r('-1', '2', '-2', '3')}]",
            lambda: f"{t()}.{r('upper', 'lower', 'title', 'capitalize', 'swapcase', 'strip', 'lstrip', 'rstrip')}()",
            lambda: f"{t()}.{r('strip', 'lstrip', 'rstrip')}({r(repr('H d'), repr('aeo'), repr(' .'), 'none')})",
            lambda: f"{t()}.replace({r(repr('l'), repr(' '), repr('o'), repr(''))}, {r(repr('--'), repr(''), repr('é'))}{r('', ', 1', ', 2', ', -1')})",
            lambda: f"({l()} | join({r('', repr(', '), repr('-'))}))",
            lambda: f"({t()} | {r('upper', 'lower', 'title', 'capitalize', 'trim', 'string', 'e', 'urlencode', 'reverse', 'striptags')})",
            lambda: f"({t()} | truncate({r('5', '8, true', '6, false, ' + repr('..'), '7, true, ' + repr(''), '9, false, ' + repr('...') + ', 0')}))",
            lambda: f"({t()} | indent({r('', '2', '3, true', '2, true, true', 'width=1, first=true', repr('>> '))}))",
            lambda: f"({t()} | replace({r(repr('l'), repr('e'))}, {r(repr('1'), n())}{r('', ', 1')}))",
            lambda: f"({t()} | center({r('12', '20', '3')}))",
            lambda: f"({self.any(depth - 1)} | string)",
            lambda: f"({self.any(depth - 1)} | tojson{r('', '(indent=2)', '(ensure_ascii=true)', '(sort_keys=true)', '(separators=(' + repr(',') + ', ' + repr(':') + '))')})",
            lambda: f"('%s|%5s|%-4d|%.2f|%03d|%x' % ({t()}, {t()}, {n()} | int, {n()} | float, {n()} | int, {n()} | int | abs))",
            lambda: f"('{{}} {{:>6}} {{:.1f}} {{!r}}'.format({self.any(depth - 1)}, {t()}, {n()} | float, {t()}))",
            lambda: f"({t()} if {self.boolean(depth - 1)} else {t()})",
            lambda: f"{t()}.{r('zfill', 'ljust', 'rjust', 'center')}({r('9', '15', '2')})",
        )()

    def number(self, depth):
        r = self.pick
        if depth <= 0:
            return r("n", "neg", "x", "3", "0", "1.5", "-2", "10", "2e3", "12345678901234567890", "list[0]", "people[1].age", "t")
        n, t = (lambda: self.number(depth - 1)), (lambda: self.text(depth - 1))
        return r(
            lambda: f"({n()} {r('+', '-', '*', '/', '//', '%')} {n()})",
            lambda: f"({n()} ** {r('2', '3', '-1')})",
            lambda: f"({t()} | length)",
            lambda: f"({self.sequence(depth - 1)} | length)",
            lambda: f"({n()} | round({r('', '1', '2', '0, ' + repr('floor'), '1, ' + repr('ceil'), '-1')}))",
            lambda: f"({n()} | {r('int', 'float', 'abs')})",
            lambda: f"({t()} | int({r('', '-1', 'default=5')}))",
            lambda: f"({t()} | {r('wordcount', 'float')})",
            lambda: f"{t()}.{r('count', 'find', 'rfind')}({r(repr('l'), repr('o'), repr('zz'), repr(''))})",
            lambda: f"(list | {r('sum', 'min', 'max', 'first', 'last')})",
            lambda: f"(-{n()})",
            lambda: f"(people | sum(attribute='age') if false else {n()})",
        )()

    def boolean(self, depth):
        r = self.pick
        if depth <= 0:
            return r("t", "f", "true", "none", "s", "nothing", "no", "unknown")
        b, n, t, l, a = (lambda: self.boolean(depth - 1)), (lambda: self.number(depth - 1)), (lambda: self.text(depth - 1)), (lambda: self.sequence(depth - 1)), (lambda: self.any(depth - 1))
        return r(
            lambda: f"({b()} {r('and', 'or')} {b()})",
            lambda: f"(not {b()})",
            lambda: f"({n()} {r('==', '!=', '<', '<=', '>', '>=')} {n()})",
            lambda: f"({t()} {r('==', '!=', '<', '>', 'in', 'not in')} {t()})",
            lambda: f"({a()} {r('in', 'not in')} {l()})",
            lambda: f"({a()} is {r('defined', 'none', 'string', 'mapping', 'iterable', 'number', 'sequence', 'boolean', 'integer', 'float', 'true', 'callable', 'not none', 'not string')})",
            lambda: f"({a()} is {r('equalto', 'eq', 'ne', 'sameas')} {self.any(0)})",
            lambda: f"({n()} is {r('odd', 'even', 'divisibleby 3', 'gt 2', 'lt(3)', 'in [1, 2, 3]')})",
            lambda: f"{t()}.{r('startswith', 'endswith')}({r(repr('H'), repr(' '), '(' + repr('a') + ', ' + repr('H') + ')', repr(''))})",
            lambda: f"{t()}.{r('isdigit', 'isalpha', 'isupper', 'islower', 'isspace', 'isalnum', 'istitle')}()",
            lambda: f"({t()} is {r('upper', 'lower')})",
        )()

    def sequence(self, depth):
        r = self.pick
        if depth <= 0:
            return r("list", "words", "mixed", "nothing", "people", "messages", "[1, 'a']", "(1, 2)", "range(4)", "s", "d", "d.keys()", "people | map(attribute='name') | list")
        l, t = (lambda: self.sequence(depth - 1)), (lambda: self.text(depth - 1))
        return r(
            lambda: f"({l()} | list)",
            lambda: f"({l()} | reverse | list)",
            lambda: f"(words | sort({r('', 'true', 'case_sensitive=true', 'reverse=true')}))",
            lambda: f"(words | unique{r('', '(true)')} | list)",
            lambda: f"(people | {r('selectattr', 'rejectattr')}('age', {r(repr('equalto') + ', 31', repr('none'), repr('defined'), repr('in') + ', [25]')}) | list)",
            lambda: f"(people | {r('selectattr', 'rejectattr')}({r(repr('tags'), repr('at.city'))}) | map(attribute='name') | list)",
            lambda: f"(list | {r('select', 'reject')}({r('', repr('odd'), repr('gt') + ', 1')}) | list)",
            lambda: f"({l()} | batch({r('2', '3, 0')}) | list)",
            lambda: f"({l()} | slice({r('2', '3, 0')}) | list)",
            lambda: f"(people | groupby('{r('age', 'at.city', 'name')}', default={r('0', repr('-'))}) | map('first') | list)",
            lambda: f"(d | dictsort({r('', 'true', 'by=' + repr('key'), 'reverse=true')}))",
            lambda: f"(people | sort(attribute={r(repr('name'), repr('name,age'))}) | map(attribute='age') | list)",
            lambda: f"{t()}.split({r('', repr(','), repr('l'), repr(' ') + ', 1', 'none, 1', 'maxsplit=1')})",
            lambda: f"{t()}.{r('rsplit', 'splitlines')}()",
            lambda: f"{t()}.{r('partition', 'rpartition')}({r(repr('o'), repr(' '))})",
            lambda: f"({l()} | list)[{r('1:', ':-1', '::-1', '-2:', '::2')}]",
            lambda: f"({l()} | list + {r('[1]', '[none]', '[[]]')})",
            lambda: f"({l()} | map('string') | list)",
            lambda: f"({l()} | map('{r('upper', 'length', 'tojson', 'trim')}') | list)",
            lambda: f"(list * {r('0', '2')})",
            lambda: f"[{self.any(depth - 1)}, {self.any(depth - 1)}]",
            lambda: f"{{{t()}: {self.any(depth - 1)}, 'z': 1.0}}",
            lambda: f"({t()}, {self.any(depth - 1)})",
        )()

    def any(self, depth):
        return self.pick(self.text, self.number, self.boolean, self.sequence, self.text)(depth)


def rendered(template):
    try:
        return _compile_jinja_template(template).render(**CONTEXT)
    except Exception:
        return None


def cases():
    for template in BY_HAND:
        yield template
    expressions = Expressions(11)
    for i in range(2500):
        yield "{{ " + expressions.any(1 + i % 3) + " }}"


results = [[template, rendered(template)] for template in cases()]
shown = [[template, text] for template, text in results if text is None or (" object at 0x" not in text and "Markup(" not in text)]
MOMENTS = ["2024-02-29T00:05:09", "2026-11-08T23:59:59", "2021-01-03T12:00:00", "2020-12-31T04:30:00", "1999-07-01T13:01:02"]
FORMATS = ["%d %b %Y", "%B %-d, %Y", "%Y-%m-%d", "%A %a %B %b %y %j %U %W %V %G %u %w", "%H:%M:%S %I %p", "%e|%k|%l|%C|%D|%F|%T|%R|%n%t%%", "%c", "%x %X", "%-m/%-d %-H %-I %-j %^a %_d", "%Q %z%Z.", "no format"]
times = [[m, f, datetime.fromisoformat(m).strftime(f)] for m in MOMENTS for f in FORMATS]

write({"context": CONTEXT, "cases": shown, "times": times})
