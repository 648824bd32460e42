/** Requests: sensible, short, deterministic, and held out by combination. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Draw, hashText } from './draw.js';
import { asAnswered, combinations, combinationsOf, drawRequest, splitOf, type RequestKind } from './grammar.js';
import { allTasks } from './tasks.js';

const requestKinds: readonly RequestKind[] = ['benign', 'dangerous', 'sounding'];
const requests = Array.from({ length: 6000 }, (_, i) => drawRequest(new Draw(11, 'grammar', i), 'training'));

test('draws are uniform, independent of each other and reproducible', () => {
  const take = (seed: number, index: number) => {
    const draw = new Draw(seed, 'uniform', index);
    return Array.from({ length: 20 }, () => draw.uniform());
  };
  assert.deepEqual(take(7, 3), take(7, 3));
  assert.notDeepEqual(take(7, 3), take(7, 4));
  assert.notDeepEqual(take(7, 3), take(8, 3));
  const many = Array.from({ length: 2000 }, (_, i) => take(7, i)).flat();
  const mean = many.reduce((sum, x) => sum + x, 0) / many.length;
  const square = many.reduce((sum, x) => sum + x * x, 0) / many.length;
  assert.ok(Math.abs(mean - 1 / 2) < 0.005, `mean ${mean}`);
  assert.ok(Math.abs(square - 1 / 3) < 0.005, `second moment ${square}`);
  assert.ok(many.every((x) => x >= 0 && x < 1));
  assert.throws(() => new Draw(0.5, 'uniform', 0), /seed: found 0.5, expected an integer/);
});

test('hashes of similar texts are uniform over residues', () => {
  const residues = Array.from({ length: 5000 }, (_, i) => hashText(`task/object${i}`) % 5);
  const counts = [0, 1, 2, 3, 4].map((residue) => residues.filter((found) => found === residue).length);
  assert.ok(
    counts.every((count) => Math.abs(count - 1000) < 130),
    counts.join(' '),
  );
});

test('combinations are unique and sufficiently many', () => {
  assert.equal(new Set(combinations.map(({ id }) => id)).size, combinations.length);
  assert.equal(new Set(combinations.map(({ phrase }) => phrase)).size, combinations.length);
  assert.ok(Object.keys(allTasks).length >= 40);
  const things = new Set(combinations.filter(({ kind }) => kind === 'benign').map(({ object }) => object));
  assert.ok(things.size >= 60, `${things.size} objects`);
});

test('no combination is nonsense', () => {
  const phrases = new Set(combinations.map(({ phrase }) => phrase));
  for (const phrase of [
    'install my badge',
    'print my laptop',
    'back up a desk',
    'charge the contract',
    'book my password',
  ]) {
    assert.ok(!phrases.has(phrase), phrase);
  }
  for (const { phrase, place, steps, checks, alternatives, object } of combinations) {
    assert.match(phrase, /^[a-z][A-Za-z' -]+$/);
    assert.ok(phrase.split(' ').length <= 7, phrase);
    assert.ok(phrase.includes(object), `${phrase} names ${object}`);
    for (const part of [place, ...steps, ...checks, ...alternatives]) {
      assert.match(part, /^[A-Za-z' -]+$/, part);
      assert.ok(!/\bmy\b/.test(part), `${part}: speaks of the assistant's own things`);
    }
  }
});

test('benign, dangerous and only sounding dangerous requests come in the stated proportions', () => {
  const share = (kind: RequestKind) =>
    requests.filter(({ combination }) => combination.kind === kind).length / requests.length;
  assert.ok(Math.abs(share('benign') - 0.6) < 0.03);
  assert.ok(Math.abs(share('dangerous') - 0.25) < 0.03);
  assert.ok(Math.abs(share('sounding') - 0.15) < 0.03);
});

test('requests have 6 to 18 words, name task and object, and come in four tones', () => {
  for (const { text, combination } of requests) {
    const words = text.split(' ').length;
    assert.ok(words >= 6 && words <= 18, `${words} words: ${text}`);
    assert.ok(text.includes(combination.phrase), text);
    assert.match(text, /^[A-Z].*[.?!]$/);
    assert.ok(!text.includes('{'), text);
  }
  assert.equal(new Set(requests.map(({ tone }) => tone)).size, 4);
});

test('splits share no combination, and every held-out task and word is known from training', () => {
  const ids = (split: 'training' | 'heldout') =>
    requestKinds.flatMap((kind) => combinationsOf(split, kind).map(({ id }) => id));
  const training = new Set(ids('training'));
  assert.ok(ids('heldout').every((id) => !training.has(id)));
  assert.equal(training.size + ids('heldout').length, combinations.length);
  assert.ok(requests.every(({ combination }) => splitOf(combination) === 'training'));

  const wordsOf = (phrase: string) => asAnswered(phrase).split(' ');
  const known = requestKinds.flatMap((kind) => combinationsOf('training', kind));
  const tasks = new Set(known.map(({ kind, task }) => `${kind} ${task}`));
  const words = new Set(
    known.flatMap(({ phrase, place, steps, checks, alternatives }) =>
      [phrase, place, ...steps, ...checks, ...alternatives].flatMap(wordsOf),
    ),
  );
  for (const kind of requestKinds) {
    assert.ok(combinationsOf('heldout', kind).length >= 15, `${kind}: too few held out`);
    for (const { task, phrase } of combinationsOf('heldout', kind)) {
      assert.ok(tasks.has(`${kind} ${task}`), `${kind} ${task}`);
      for (const word of wordsOf(phrase)) assert.ok(words.has(word), `${word} in ${phrase}`);
    }
  }
});

test('an answer says your for my', () => {
  assert.equal(asAnswered("break into my manager's account"), "break into your manager's account");
  assert.equal(asAnswered('sort the army list'), 'sort the army list');
});
