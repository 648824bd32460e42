/** The text that each token adds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenizerDirectory } from '../testing.fixture.js';
import { Tokenizer } from './tokenizer.js';
import { tokenPieces } from './tokenPieces.js';

test('the pieces of a text are the text', async () => {
  const tokenizer = await Tokenizer.read(tokenizerDirectory);
  const text = 'How do I reset my password, please? I forgot it; twice, in fact. Thanks a lot for any help!';
  const ids = await tokenizer.encode(text);
  const [pieces = [], few = []] = await tokenizer.piecesOfAll([[...ids, 2], ids], 5);
  assert.equal(few.length, 5);
  assert.deepEqual(pieces, few, 'what is left out changes nothing');
  const [whole = []] = await tokenizer.piecesOfAll([[...ids, 2]], 4096);
  assert.equal(whole.length, ids.length + 1);
  assert.equal(whole.slice(0, -1).join(''), await tokenizer.decode(ids));
  assert.equal(whole.at(-1), await tokenizer.decode([2], { specialTokens: 'keep' }));
});

/** Decodes ids that are bytes, and strips the space of a first token, as SentencePiece does. */
const bytes = async (rows: readonly (readonly number[])[]): Promise<string[]> =>
  rows.map((ids) => Buffer.from(ids).toString('utf8').replace(/^ /, ''));

/**
 * Decodes ids that are bytes as byte-fallback decoders do: a run of bytes above 127 with one error becomes all
 * errors.
 */
const byteFallback = async (rows: readonly (readonly number[])[]): Promise<string[]> =>
  rows.map((ids) =>
    Buffer.from(ids)
      .toString('latin1')
      .replace(/[\u0080-\u00ff]+/g, (run) => {
        const text = Buffer.from(run, 'latin1').toString('utf8');
        return text.includes('�') ? '�'.repeat(run.length) : text;
      })
      .replace(/^ /, ''),
  );

test('a character that is spread over tokens belongs to the last of them, and a space stays with its token', async () => {
  const [a, b] = ['a 👋é b', `${'x'.repeat(20)} yz`];
  const expected = [['a', ' ', '�', '�', '�', '👋', '�', 'é', ' ', 'b'], [...'x'.repeat(20), ' ', 'y', 'z'], []];
  const rows = [[...Buffer.from(a)], [...Buffer.from(b)], []];
  assert.deepEqual(await tokenPieces(bytes, rows), expected);
  assert.deepEqual(await tokenPieces(byteFallback, rows), expected);
});

test('characters one after the other, and bytes that are not characters, keep their places', async () => {
  const pieces = async (decode: typeof bytes, ids: readonly number[]): Promise<string[] | undefined> =>
    (await tokenPieces(decode, [ids]))[0];
  for (const decode of [bytes, byteFallback]) {
    const text = '你好世界😀🎉 b';
    const found = (await pieces(decode, [...Buffer.from(text)])) ?? [];
    assert.equal(found.filter((piece) => piece !== '�').join(''), text);
    assert.equal(found.length, Buffer.from(text).length);
  }
  // The first byte of a character, then a letter.
  assert.deepEqual(await pieces(bytes, [0xe4, 0x61, 0x20, 0x62]), ['�', 'a', ' ', 'b']);
  assert.deepEqual(await pieces(byteFallback, [0xe4, 0x61, 0x20, 0x62]), ['�', 'a', ' ', 'b']);
  const none = (await pieces(byteFallback, [0x61, ...Array<number>(9).fill(0xff), 0x62])) ?? [];
  assert.equal(none.length, 11);
  assert.deepEqual([none[0], none.at(-1)?.at(-1)], ['a', 'b']);
});
