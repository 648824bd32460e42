// Tokens of a real provider: an HTTP server with its discovery document and keys, and tokens signed with them.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test, type TestContext } from 'node:test';
import { RpcError } from '@gapo/rpc';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWTPayload } from 'jose';
import { OpenIdVerifier } from './oidc.js';

interface Provider {
  readonly issuer: string;
  readonly key: CryptoKey;
  readonly publicKey: CryptoKey;
  stop(): Promise<void>;
}

async function startProvider(t: TestContext): Promise<Provider> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }];
  const server = createServer((request, response) => {
    const isDiscovery = request.url === '/.well-known/openid-configuration';
    const body = isDiscovery ? { issuer, jwks_uri: `${issuer}/keys` } : { keys };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const issuer = `http://127.0.0.1:${port}`;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  t.after(stop);
  return { issuer, key: privateKey, publicKey, stop };
}

const verifierOf = (issuer: string): OpenIdVerifier =>
  new OpenIdVerifier({
    issuer,
    audience: 'gapo',
    nameClaim: 'sub',
    rolesClaim: 'realm.groups',
    roles: new Map([
      ['ml-team', 'operator'],
      ['ml-leads', 'admin'],
    ]),
  });

const seconds = (): number => Math.floor(Date.now() / 1000);
const claims = (issuer: string): JWTPayload => ({
  iss: issuer,
  aud: 'gapo',
  sub: 'ada',
  exp: seconds() + 600,
  realm: { groups: ['others', 'ml-team'] },
});
const without = (payload: JWTPayload, claim: string): JWTPayload =>
  Object.fromEntries(Object.entries(payload).filter(([name]) => name !== claim));
const sign = (
  payload: JWTPayload,
  key: CryptoKey | Uint8Array,
  header = { alg: 'ES256', kid: 'one' },
): Promise<string> => new SignJWT(payload).setProtectedHeader(header).sign(key);

test('a token that the provider signed for this service has the role of its groups', async (t) => {
  const { issuer, key } = await startProvider(t);
  const verifier = verifierOf(issuer);
  const exp = seconds() + 600;
  assert.deepEqual(await verifier.callerOf(await sign({ ...claims(issuer), exp }, key)), {
    name: 'oidc:ada',
    role: 'operator',
    expires: new Date((exp + 30) * 1000),
  });
  const lead = { ...claims(issuer), aud: ['other', 'gapo'], realm: { groups: ['ml-team', 'ml-leads'] } };
  assert.equal((await verifier.callerOf(await sign(lead, key)))?.role, 'admin');
  const one = { ...claims(issuer), realm: { groups: 'ml-team' } };
  assert.equal((await verifier.callerOf(await sign(one, key)))?.role, 'operator');
  assert.equal(await verifier.callerOf('gapo_abc'), undefined, 'another kind of token is for others to know');
});

test('tokens that are expired, for another audience, of another issuer, unsigned or wrongly signed are refused with the reason', async (t) => {
  const { issuer, key, publicKey } = await startProvider(t);
  const verifier = verifierOf(issuer);
  const usual = claims(issuer);
  const stranger = (await generateKeyPair('ES256')).privateKey;
  const publicBytes = new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey)));
  const valid = await sign(usual, key);
  const [header = '', , signature = ''] = valid.split('.');
  const altered = Buffer.from(JSON.stringify({ ...usual, realm: { groups: ['ml-leads'] } })).toString('base64url');
  const cases: (readonly [string, string, RegExp, string])[] = [
    ['expired', 'UNAUTHENTICATED', /has expired/, await sign({ ...usual, exp: seconds() - 120 }, key)],
    ['without an end', 'UNAUTHENTICATED', /claim exp/, await sign(without(usual, 'exp'), key)],
    ['not valid yet', 'UNAUTHENTICATED', /claim nbf/, await sign({ ...usual, nbf: seconds() + 600 }, key)],
    [
      'for another service',
      'UNAUTHENTICATED',
      /another aud than OIDC_AUDIENCE/,
      await sign({ ...usual, aud: 'mail' }, key),
    ],
    ['of another issuer', 'UNAUTHENTICATED', /another iss/, await sign({ ...usual, iss: 'https://example.org' }, key)],
    ['unsigned', 'UNAUTHENTICATED', /algorithm/, new UnsecuredJWT(usual).encode()],
    [
      'by a shared secret',
      'UNAUTHENTICATED',
      /algorithm/,
      await sign(usual, publicBytes, { alg: 'HS256', kid: 'one' }),
    ],
    [
      'by an unknown key',
      'UNAUTHENTICATED',
      /does not publish/,
      await sign(usual, stranger, { alg: 'ES256', kid: 'two' }),
    ],
    ['by another key', 'UNAUTHENTICATED', /wrong signature/, await sign(usual, stranger)],
    ['altered', 'UNAUTHENTICATED', /wrong signature/, `${header}.${altered}.${signature}`],
    ['damaged', 'UNAUTHENTICATED', /damaged/, 'a.b.c'],
    ['without a name', 'UNAUTHENTICATED', /no claim sub/, await sign(without(usual, 'sub'), key)],
    ['with an odd name', 'UNAUTHENTICATED', /no claim sub/, await sign({ ...usual, sub: 'a\nb' }, key)],
    [
      'without a role',
      'PERMISSION_DENIED',
      /OIDC_ROLES names no value of the claim realm\.groups/,
      await sign({ ...usual, realm: { groups: ['x'] } }, key),
    ],
  ];
  for (const [what, code, expected, token] of cases) {
    await assert.rejects(verifier.callerOf(token), (error) => {
      assert.ok(error instanceof RpcError, `${what}: ${String(error)}`);
      assert.match(`${error.code} ${error.details}`, new RegExp(`^${code} .*${expected.source}`), what);
      return true;
    });
  }
});

test('a provider that does not answer is named, and asked again at the next token', async (t) => {
  const provider = await startProvider(t);
  const token = await sign(claims(provider.issuer), provider.key);
  const verifier = verifierOf(`${provider.issuer}/other`);
  await assert.rejects(verifier.callerOf(token), /other\/\.well-known.* does not respond as an OpenID provider/);
  await provider.stop();
  await assert.rejects(verifierOf(provider.issuer).callerOf(token), { code: 'UNAVAILABLE' });
});
