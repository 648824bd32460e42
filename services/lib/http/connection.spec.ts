// Connections: TLS with private authorities, proxies from the environment.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { HttpClient } from './client.js';
import { answering, json, selfSigned, setVariables, type Authority } from './testing.fixture.js';

/** What a server answers, or the message of the failure. */
async function outcome(t: TestContext, url: string, ca?: string): Promise<unknown> {
  const client = new HttpClient({ url, ca, settings: { url: 'url', ca: 'ca' } });
  t.after(() => client.close());
  try {
    return (await client.post('', {}, { signal: new AbortController().signal, timeoutMs: 600_000 })).json();
  } catch (error) {
    return (error as Error).message;
  }
}

async function portOf(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  return (server.address() as AddressInfo).port;
}

/** A server over TLS. */
async function tlsPort(t: TestContext, { key, pem }: Authority): Promise<number> {
  const server = createTlsServer({ key, cert: pem }, (_, response) => json(response, 1));
  return portOf(t, server);
}

/** A proxy, and what it was asked for. */
async function proxy(t: TestContext): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    json(response, 7);
  });
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    const [, port] = (request.url ?? '').split(':');
    const behind = connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(behind).pipe(socket);
    });
    behind.on('error', () => socket.destroy());
    socket.on('error', () => behind.destroy()).on('close', () => behind.destroy());
  });
  return { url: `127.0.0.1:${await portOf(t, server)}`, asked };
}

describe('TLS', () => {
  test('trusts the authorities of ca, and names a certificate that is not trusted', async (t) => {
    const own = await selfSigned(t);
    if (own === undefined) return t.skip('needs openssl to make a certificate');
    const port = await tlsPort(t, own);
    const ca = String(own.pem);
    assert.equal(await outcome(t, `https://localhost:${port}/`, ca), 1);
    assert.match(
      String(await outcome(t, `https://localhost:${port}/`)),
      /^https:\/\/localhost:\d+\/: its certificate is not trusted; name its authority with ca \(/,
    );
    assert.match(
      String(await outcome(t, `https://127.0.0.1:${port}/`, ca)),
      /: its certificate is for another host \(/,
    );
  });
});

describe('proxies', () => {
  test('of HTTP_PROXY are asked for the URL, unless NO_PROXY names its host', async (t) => {
    const { url, asked } = await proxy(t);
    setVariables(t, { HTTP_PROXY: `http://me:word@${url}`, NO_PROXY: '127.0.0.1' });
    assert.equal(await outcome(t, 'http://rewards.example/score'), 7);
    const basic = Buffer.from('me:word').toString('base64');
    assert.deepEqual(asked, [`POST http://rewards.example/score Basic ${basic}`]);
    const direct = await answering(t, (_, response) => json(response, 2));
    assert.equal(await outcome(t, direct.url), 2);
    assert.equal(asked.length, 1);
  });

  test('of HTTPS_PROXY are asked for a tunnel, through which certificates are checked', async (t) => {
    const own = await selfSigned(t);
    if (own === undefined) return t.skip('needs openssl to make a certificate');
    const port = await tlsPort(t, own);
    const { url, asked } = await proxy(t);
    setVariables(t, { HTTPS_PROXY: `http://${url}` });
    assert.equal(await outcome(t, `https://localhost:${port}/`, String(own.pem)), 1);
    assert.deepEqual(asked, [`CONNECT localhost:${port}`]);
    assert.match(String(await outcome(t, `https://localhost:${port}/`)), /its certificate is not trusted/);
  });

  test('that are not URLs are refused without showing them', (t) => {
    setVariables(t, { HTTP_PROXY: 'me:word@proxy' });
    assert.throws(
      () => new HttpClient({ url: 'http://x' }),
      (error) => {
        assert.match((error as Error).message, /^environment HTTP_PROXY, HTTPS_PROXY: found no URL of a proxy/);
        assert.doesNotMatch((error as Error).message, /word/);
        return true;
      },
    );
  });
});
