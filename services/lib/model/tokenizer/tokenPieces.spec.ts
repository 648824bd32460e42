/** What each token adds to a text. */
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

test('a character that is spread over tokens belongs to the last of them, and a space stays with its token', async () => {
  const text = 'a 👋é b';
  const pieces = await tokenPieces(bytes, [...Buffer.from(text)]);
  assert.deepEqual(pieces, ['a', ' ', '�', '�', '�', '👋', '�', 'é', ' ', 'b']);
  assert.deepEqual(await tokenPieces(bytes, [...Buffer.from('x'.repeat(20) + ' yz')]), [
    ...'x'.repeat(20),
    ' ',
    'y',
    'z',
  ]);
  assert.deepEqual(await tokenPieces(bytes, []), []);
});
