// Tokens in a file and tokens of an OpenID provider: who is let in, and the errors that the others get.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { RpcError } from '@gapo/rpc';
import { isExpected } from '@gapo/service';
import { Authenticator } from './authenticator.js';
import type { Caller } from './roles.js';
import { TokenFile } from './tokenFile.js';
import { newToken, tokenHash } from './tokens.js';

async function tokensFile(t: TestContext, text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-access-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'tokens.yaml');
  await writeFile(path, text);
  return path;
}

const shown = (caller: Caller | undefined): readonly unknown[] => [caller?.name, caller?.role];

const silent = { info: () => undefined, warn: () => undefined };

test('a token has a name and a role; a lower role, another token and none are refused with what is needed', async (t) => {
  const [ada, eve] = [newToken(), newToken()];
  assert.match(ada, /^gapo_[A-Za-z0-9_-]{43}$/);
  const file = await TokenFile.open(
    await tokensFile(
      t,
      `- { name: ada, role: operator, sha256: ${tokenHash(ada)} }\n- { name: eve, role: viewer, sha256: ${tokenHash(eve)} }\n`,
    ),
    silent,
  );
  t.after(() => file.close());
  const access = new Authenticator([file]);
  assert.deepEqual(shown(await access.require(`Bearer ${ada}`, 'operator', 'CancelRun')), ['ada', 'operator']);
  assert.deepEqual(shown(await access.require(`bearer ${ada}`, 'viewer', 'GetRun')), ['ada', 'operator']);

  const refused: (readonly [string | undefined, string, RegExp])[] = [
    [`Bearer ${eve}`, 'PERMISSION_DENIED', /^CancelRun needs the role operator; the token of eve has viewer$/],
    [undefined, 'UNAUTHENTICATED', /operator: the call has none/],
    ['', 'UNAUTHENTICATED', /the call has none/],
    [`Basic ${ada}`, 'UNAUTHENTICATED', /not of the form/],
    [`Bearer ${ada} ${eve}`, 'UNAUTHENTICATED', /not of the form/],
    [`Bearer ${ada}x`, 'UNAUTHENTICATED', /it is not a known token/],
    [`Bearer ${tokenHash(ada)}`, 'UNAUTHENTICATED', /it is not a known token/],
    [`Bearer ${'a'.repeat(100_000)}`, 'UNAUTHENTICATED', /not of the form/],
    [`Bearer a.b.c`, 'UNAUTHENTICATED', /it is not a known token/],
  ];
  for (const [authorization, code, expected] of refused) {
    await assert.rejects(access.require(authorization, 'operator', 'CancelRun'), (error) => {
      assert.ok(error instanceof RpcError && error.code === code, String(error));
      assert.match(error.details, expected);
      assert.ok(!error.details.includes(ada.slice(5)) && !error.details.includes(eve.slice(5)));
      return true;
    });
  }
});

test('the file is read again; a damaged one leaves the tokens as they were and is not quoted', async (t) => {
  const [first, second] = [newToken(), newToken()];
  const path = await tokensFile(t, JSON.stringify([{ name: 'a', role: 'admin', sha256: tokenHash(first) }]));
  const warnings: string[] = [];
  const file = await TokenFile.open(path, {
    info: () => undefined,
    warn: (text: unknown) => warnings.push(String(text)),
  });
  t.after(() => file.close());
  await writeFile(path, `- { name: b, role: viewer, sha256: ${second} }`);
  await file.refresh();
  await file.refresh();
  assert.equal(file.callerOf(first)?.name, 'a');
  assert.equal(warnings.length, 1, 'the same problem is said once');
  assert.match(warnings[0] ?? '', /the tokens in use stay: TOKENS_FILE .*\[0\]\.sha256: .*64 lower-case/);
  assert.ok(!(warnings[0] ?? '').includes(second.slice(5)), 'a token in place of its hash stays a secret');
  await writeFile(path, `- { name: b, role: viewer, sha256: ${tokenHash(second)} }`);
  await file.refresh();
  assert.equal(file.callerOf(first), undefined);
  assert.deepEqual(shown(file.callerOf(second)), ['b', 'viewer']);
  await writeFile(path, '[]');
  await file.refresh();
  assert.equal(file.callerOf(second), undefined);
});

test('a problem that returns after the file was valid is reported again', async (t) => {
  const whole = `- { name: a, role: admin, sha256: ${tokenHash('x')} }`;
  const path = await tokensFile(t, whole);
  const said: string[] = [];
  const note = (text: unknown): number => said.push(String(text));
  const file = await TokenFile.open(path, { info: note, warn: note });
  t.after(() => file.close());
  for (const text of ['?', '?', whole, whole, '?']) {
    await writeFile(path, text);
    await file.refresh();
  }
  assert.deepEqual(
    said.map((line) => line.slice(0, 24)),
    ['the tokens in use stay: ', 'TOKENS_FILE was read aga', 'the tokens in use stay: '],
  );
});

test('a token that the file no longer has with its name and role is revoked; the others are not', async (t) => {
  const line = (name: string, role: string): string =>
    `- { name: ${name}, role: ${role}, sha256: ${tokenHash(name)} }\n`;
  const path = await tokensFile(t, line('stays', 'viewer') + line('leaves', 'viewer') + line('falls', 'admin'));
  const file = await TokenFile.open(path, silent);
  t.after(() => file.close());
  const signalOf = (name: string): AbortSignal => file.callerOf(name)?.revoked ?? assert.fail(name);
  const [stays, leaves, falls] = [signalOf('stays'), signalOf('leaves'), signalOf('falls')];
  await writeFile(path, `# moved\n${line('falls', 'viewer')}${line('stays', 'viewer')}`);
  await file.refresh();
  assert.deepEqual(
    [stays.aborted, leaves.aborted, falls.aborted, signalOf('falls').aborted],
    [false, true, true, false],
  );
  const reason: unknown = leaves.reason;
  assert.ok(reason instanceof RpcError && reason.code === 'UNAUTHENTICATED');
  assert.match(reason.details, /^the token of leaves was removed from TOKENS_FILE/);
  assert.equal(signalOf('stays'), stays);
});

test('a file of tokens names each person and each token once', async (t) => {
  const hash = tokenHash('x');
  for (const text of [
    `[{ name: a, role: root, sha256: ${hash} }]`,
    `[{ name: a, role: viewer, sha256: ${hash} }, { name: b, role: viewer, sha256: ${hash} }]`,
    `[{ name: a, role: viewer, sha256: ${hash} }, { name: a, role: viewer, sha256: ${tokenHash('y')} }]`,
    `[{ name: "a\\nb", role: viewer, sha256: ${hash} }]`,
    `[{ name: a, role: viewer, token: x }]`,
    '{}',
    '',
  ]) {
    await assert.rejects(TokenFile.open(await tokensFile(t, text), silent), isExpected, text);
  }
});
