// Which completions are kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Sample } from './batch.js';
import { chosenSamples, promptId } from './keptSamples.js';

const perPrompt = 3;

/** Returns the completions of prompts, each given by a single token. */
function samplesOf(tokens: readonly number[]): Sample[] {
  return tokens.flatMap((token, prompt) =>
    Array.from({ length: perPrompt }, (_, sample) => {
      return { prompt, sample, promptIds: [token], tokenIds: [1], logprobs: new Float32Array(1), finished: true };
    }),
  );
}

test('an id is that of the token ids, as 32-bit little-endian numbers', () => {
  // printf '\001\000\000\000\002\000\000\000' | sha256sum
  assert.equal(promptId([1, 2]), '34fb5c825de7ca4a');
  assert.notEqual(promptId([1, 2]), promptId([2, 1]));
});

test('whole prompts are chosen, in order, at most as many completions as asked for', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(1000), { minLength: 1 }), fc.integer({ min: 1, max: 20 }), (tokens, count) => {
      const samples = samplesOf(tokens);
      const chosen = chosenSamples(samples, count);
      assert.equal(chosen.length, Math.min(count, samples.length));
      assert.deepEqual(
        chosen.map(({ index }) => index),
        chosen.map(({ index }) => index).sort((a, b) => a - b),
      );
      const prompts = new Set(chosen.map(({ index }) => samples[index]?.prompt));
      assert.equal(prompts.size, Math.min(tokens.length, Math.ceil(count / perPrompt)));
    }),
  );
});

test('a prompt that is chosen among some is chosen among fewer of them', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(1000), { minLength: 4, maxLength: 20 }), fc.nat(3), (tokens, left) => {
      const few = tokens.filter((_, i) => i !== left);
      const idsOf = (of: readonly number[]) => new Set(chosenSamples(samplesOf(of), 6).map((each) => each.promptId));
      const among = idsOf(few);
      for (const id of idsOf(tokens)) if (few.some((token) => promptId([token]) === id)) assert.ok(among.has(id));
    }),
  );
});
