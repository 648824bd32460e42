// Tokens and headers: what goes wrong, and that errors do not show them.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { credentialsOf, fileToken, textToken } from './credentials.js';
import { RequestFailure } from './requestFailure.js';
import { setVariables } from './testing.fixture.js';

const path = '/rewards/judge.yaml';

test('a token of a file is read again for every request', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'token'), 'first\n');
  const token = fileToken('the token', 'tokenFile', join(directory, 'token'));
  const credentials = credentialsOf({ token, where: path });
  assert.deepEqual(credentials.headers(), { authorization: 'Bearer first' });
  await writeFile(join(directory, 'token'), 'second');
  assert.deepEqual(credentials.headers(), { authorization: 'Bearer second' });
  assert.equal(credentials.redacted('first second third'), '*** *** third');
  await rm(join(directory, 'token'));
  assert.throws(
    () => credentials.headers(),
    (error) =>
      error instanceof RequestFailure && error.retryable && /tokenFile: .* cannot be read: ENOENT/.test(error.message),
  );
});

describe('headers', () => {
  test('take values from the environment, which errors do not show', (t) => {
    setVariables(t, { API_KEY: 'hidden', TENANT: 'acme' });
    const headers = { 'Api-Key': '${API_KEY}', 'x-tenant': 'of ${TENANT} $5' };
    const credentials = credentialsOf({ headers, where: path });
    assert.deepEqual(credentials.headers(), { 'api-key': 'hidden', 'x-tenant': 'of acme $5' });
    assert.equal(credentials.redacted('the key hidden is unknown'), 'the key *** is unknown');
    assert.equal(credentials.authorized, false);
  });

  test('without a value are refused', (t) => {
    setVariables(t, { UMLAUT: 'ü' });
    const of = (value: string) => () => credentialsOf({ headers: { 'x-a': value }, where: path });
    assert.throws(of('${NOT_SET}'), /judge\.yaml: headers\.x-a: found no value of NOT_SET in the environment/);
    assert.throws(of('${UMLAUT}'), /judge\.yaml: headers\.x-a: found a character that an HTTP header cannot have/);
  });

  test('have one value each', () => {
    const headers = { 'X-A': '1', 'x-a': '2' };
    assert.throws(() => credentialsOf({ headers, where: path }), /headers\.x-a: found a second time in a different case/); // prettier-ignore
  });

  test('set Authorization once', () => {
    const token = textToken('REWARD_TOKEN', 'x');
    const url = 'http://me:word@x/';
    const headers = { Authorization: 'Basic x' };
    assert.throws(
      () => credentialsOf({ token, headers, where: path }),
      /found headers\.authorization and REWARD_TOKEN; expected one/,
    );
    assert.throws(() => credentialsOf({ token, url, where: path }), /found the user in url and REWARD_TOKEN/);
    const credentials = credentialsOf({ url, where: path });
    assert.deepEqual(credentials.headers(), { authorization: `Basic ${Buffer.from('me:word').toString('base64')}` });
    assert.equal(credentials.redacted('bad word'), 'bad ***');
  });
});
