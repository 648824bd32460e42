/** Tokenizers of eleven families encode and decode 3,000 texts as transformers' AutoTokenizer does. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Tokenizer } from './tokenizer.js';

/** A hash of all values, and every hundredth of them. */
interface Digest {
  readonly sha256: string;
  readonly some: readonly unknown[];
}

interface Family extends Readonly<
  Record<'ids' | 'withSpecialTokens' | 'decoded' | 'decodedWhole' | 'roundTrip', Digest>
> {
  readonly size: number;
}

const oracle = new URL('../../../../../test/oracle/', import.meta.url);
const { texts, rows, families } = JSON.parse(readFileSync(new URL('values/token_ids.json', oracle), 'utf8')) as {
  readonly texts: readonly string[];
  readonly rows: readonly (readonly number[])[];
  readonly families: Readonly<Record<string, Family>>;
};

function assertSame(values: readonly unknown[], { sha256, some }: Digest, what: string): void {
  const shown = values.filter((_, i) => i % 100 === 0);
  assert.deepEqual(shown, some, what);
  assert.equal(createHash('sha256').update(pythonJson(values)).digest('hex'), sha256, what);
}

/** JSON as written by Python, with all non-ASCII characters escaped. */
function pythonJson(values: readonly unknown[]): string {
  return JSON.stringify(values).replaceAll(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

for (const [name, expected] of Object.entries(families)) {
  test(name, async () => {
    const tokenizer = await Tokenizer.read(fileURLToPath(new URL(`tokenizers/${name}`, oracle)));
    assert.equal(tokenizer.size, expected.size);
    const ids = await tokenizer.encodeAll(texts);
    assertSame(ids, expected.ids, 'ids');
    assertSame(
      await tokenizer.encodeAll(texts, { addSpecialTokens: true }),
      expected.withSpecialTokens,
      'special tokens',
    );
    assertSame(await tokenizer.decodeAll(ids), expected.roundTrip, 'texts of ids');
    assertSame(await tokenizer.decodeAll(rows), expected.decoded, 'texts of random ids');
    assertSame(
      await tokenizer.decodeAll(rows, { specialTokens: 'keep' }),
      expected.decodedWhole,
      'with special tokens',
    );
  });
}
