// Where a token is looked up, and what can go wrong.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setVariables } from '@gapo/http/testing';
import { tokenOf, type TokenOptions, type TokenSource } from './token.js';

const path = '/rewards/judge.yaml';
const read = (options: TokenOptions, file: TokenSource = {}): string | undefined =>
  tokenOf(options, file, path)?.read();

describe('a token', () => {
  test('is that of the entry, else of the file, else REWARD_TOKEN', async (t) => {
    setVariables(t, { TOKEN_A: 'a', TOKEN_B: ' b\n' });
    const token = 'shared';
    assert.equal(read({ tokenEnv: 'TOKEN_A', token }, { tokenEnv: 'TOKEN_B' }), 'a');
    assert.equal(read({ token }, { tokenEnv: 'TOKEN_B' }), 'b');
    assert.equal(read({ token }), 'shared');
    assert.equal(read({}), undefined);
  });

  test('that cannot be used is refused without showing it', async (t) => {
    setVariables(t, { TOKEN_BAD: 'sec\nret', TOKEN_EMPTY: ' ' });
    const fails = (options: TokenOptions, file: TokenSource, message: RegExp): void =>
      assert.throws(() => read(options, file), (error) => error instanceof Error && message.test(error.message) && !/sec|ret$/.test(error.message)); // prettier-ignore
    fails({}, { tokenEnv: 'TOKEN_BAD' }, /^tokenEnv TOKEN_BAD: contains a character that an HTTP header cannot/);
    fails({}, { tokenEnv: 'TOKEN_EMPTY' }, /judge\.yaml: tokenEnv: found no value of TOKEN_EMPTY in the environment/);
    fails(
      {},
      { tokenEnv: 'TOKEN_NONE' },
      /judge\.yaml: tokenEnv: found no value of TOKEN_NONE in the environment; set the variable/,
    );
    fails({}, { tokenFile: 'none' }, /judge\.yaml: tokenFile: \/rewards\/none cannot be read: ENOENT/);
    fails({ tokenEnv: 'A', tokenFile: 'b' }, {}, /^environment: has tokenEnv and tokenFile; keep one of them/);
    fails({}, { tokenEnv: 'A', tokenFile: 'b' }, /judge\.yaml: has tokenEnv and tokenFile; keep one/);
  });
});
