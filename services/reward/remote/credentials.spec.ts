// Tokens and headers: where they are from, what goes wrong, and that errors do not show them.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { credentialsOf, tokenOf, type TokenOptions, type TokenSource } from './credentials.js';
import { RemoteFailure } from './remoteFailure.js';

/** Sets variables for the time of a test. */
function environment(t: TestContext, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    process.env[name] = value;
    t.after(() => delete process.env[name]);
  }
}

const path = '/rewards/judge.yaml';
const read = (options: TokenOptions, file: TokenSource = {}): string | undefined =>
  tokenOf(options, file, path)?.read();

describe('a token', () => {
  test('is that of the entry, else of the file, else REWARD_TOKEN', async (t) => {
    environment(t, { TOKEN_A: 'a', TOKEN_B: ' b\n' });
    const token = 'shared';
    assert.equal(read({ tokenEnv: 'TOKEN_A', token }, { tokenEnv: 'TOKEN_B' }), 'a');
    assert.equal(read({ token }, { tokenEnv: 'TOKEN_B' }), 'b');
    assert.equal(read({ token }), 'shared');
    assert.equal(read({}), undefined);
  });

  test('of a file is read again for every request', async (t) => {
    const directory = await temporaryDirectory(t);
    await writeFile(join(directory, 'token'), 'first\n');
    const token = tokenOf({}, { tokenFile: 'token' }, join(directory, 'judge.yaml'));
    const credentials = credentialsOf({ token, headers: {}, path });
    assert.deepEqual(credentials.headers(), { authorization: 'Bearer first' });
    await writeFile(join(directory, 'token'), 'second');
    assert.deepEqual(credentials.headers(), { authorization: 'Bearer second' });
    assert.equal(credentials.redacted('first second third'), '*** *** third');
    await rm(join(directory, 'token'));
    assert.throws(
      () => credentials.headers(),
      (error) =>
        error instanceof RemoteFailure && error.retryable && /tokenFile: .* cannot be read: ENOENT/.test(error.message),
    );
  });

  test('that cannot be used is refused without showing it', async (t) => {
    environment(t, { TOKEN_BAD: 'sec\nret', TOKEN_EMPTY: ' ' });
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

describe('headers', () => {
  test('take values from the environment, which errors do not show', (t) => {
    environment(t, { API_KEY: 'hidden', TENANT: 'acme' });
    const headers = { 'Api-Key': '${API_KEY}', 'x-tenant': 'of ${TENANT} $5' };
    const credentials = credentialsOf({ token: undefined, headers, path });
    assert.deepEqual(credentials.headers(), { 'api-key': 'hidden', 'x-tenant': 'of acme $5' });
    assert.equal(credentials.redacted('the key hidden is unknown'), 'the key *** is unknown');
    assert.equal(credentials.authorized, false);
  });

  test('without a value are refused', (t) => {
    environment(t, { UMLAUT: 'ü' });
    const of = (value: string) => () => credentialsOf({ token: undefined, headers: { 'x-a': value }, path });
    assert.throws(of('${NOT_SET}'), /judge\.yaml: headers\.x-a: found no value of NOT_SET in the environment/);
    assert.throws(of('${UMLAUT}'), /judge\.yaml: headers\.x-a: found a character that an HTTP header cannot have/);
  });

  test('have one value each', () => {
    const headers = { 'X-A': '1', 'x-a': '2' };
    assert.throws(() => credentialsOf({ token: undefined, headers, path }), /headers\.x-a: found a second time in other letters/); // prettier-ignore
  });

  test('set Authorization once', () => {
    const token = tokenOf({ token: 'x' }, {}, path);
    const user = { name: 'me', password: 'word' };
    const headers = { Authorization: 'Basic x' };
    assert.throws(
      () => credentialsOf({ token, headers, path }),
      /found headers\.authorization and REWARD_TOKEN; expected one/,
    );
    assert.throws(() => credentialsOf({ token, headers: {}, user, path }), /found the user in url and REWARD_TOKEN/);
    const credentials = credentialsOf({ token: undefined, headers: {}, user, path });
    assert.deepEqual(credentials.headers(), { authorization: `Basic ${Buffer.from('me:word').toString('base64')}` });
    assert.equal(credentials.redacted('bad word'), 'bad ***');
  });
});
