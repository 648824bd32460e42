/** What each kind of rule measures in a completion: a number from 0 to 1. */
import type { Rule } from './rulesFile.js';

/** Measures one completion. */
export type Measure = (completion: string) => number;

/** A function for the weighted sum of the rules' measures, in the order of the rules. */
export function compile(rules: readonly Rule[]): Measure {
  const terms = rules.map((rule) => ({ weight: rule.weight, measure: measureOf(rule) }));
  return (completion) => terms.reduce((sum, { weight, measure }) => sum + weight * measure(completion), 0);
}

function measureOf(rule: Rule): Measure {
  switch (rule.kind) {
    case 'length': {
      const { target, scale } = rule;
      const length = rule.unit === 'words' ? (text: string) => wordsOf(text).length : characterCount;
      // 1 at the target, 1/2 one scale away, and never flat: a far length still knows the direction.
      return (text) => 1 / (1 + ((length(text) - target) / scale) ** 2);
    }
    case 'contains': {
      const words = rule.words.map(folded);
      const enough = rule.count === 'any' ? 1 : words.length;
      return (text) => {
        const within = folded(text);
        const found = words.filter((word) => occurs(word, within)).length;
        return Math.min(found, enough) / enough;
      };
    }
    case 'regex': {
      const pattern = new RegExp(rule.pattern, rule.flags);
      return (text) => (pattern.test(text) ? 1 : 0);
    }
    case 'repetition':
      return (text) => repeatedShare(wordsOf(text).map(folded), rule.words);
  }
}

function characterCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function wordsOf(text: string): string[] {
  return text.match(/\S+/gu) ?? [];
}

/** Case and composition do not tell words apart. */
function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

/** Letters of scripts that put spaces between words, digits and marks: where two meet, a word goes on. */
const withinWord =
  /^(?!\p{scx=Han}|\p{scx=Hiragana}|\p{scx=Katakana}|\p{scx=Thai}|\p{scx=Lao}|\p{scx=Khmer}|\p{scx=Myanmar})[\p{L}\p{N}\p{M}_]$/u;

/** Whether a word or phrase occurs, not as a part of a longer word. */
function occurs(word: string, text: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const end = at + word.length;
    if (!meets(before(text, at), word) && !meets(word, text.slice(end, end + 2))) return true;
  }
  return false;
}

/** The code point that ends at an index. */
function before(text: string, at: number): string {
  return [...text.slice(Math.max(at - 2, 0), at)].at(-1) ?? '';
}

function meets(left: string, right: string): boolean {
  const last = [...left.slice(-2)].at(-1);
  const first = right.codePointAt(0);
  return (
    last !== undefined && first !== undefined && withinWord.test(last) && withinWord.test(String.fromCodePoint(first))
  );
}

/** The share of runs of `count` words that occurred before, from 0 (none) towards 1. */
function repeatedShare(words: readonly string[], count: number): number {
  const total = words.length - count + 1;
  if (total < 1) return 0;
  const seen = new Set<string>();
  for (let at = 0; at < total; at++) seen.add(words.slice(at, at + count).join(' '));
  return 1 - seen.size / total;
}
