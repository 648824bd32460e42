// Connections: TLS with private authorities, proxies from the environment, tokens of each service.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { at } from '@gapo/numeric';
import { temporaryDirectory } from '@gapo/service/testing';
import { openHttpScorer } from './httpScorer.js';
import { answering, client, file, json, outcomes, query } from './testServer.fixture.js';

const yaml = (url: string, more = ''): string =>
  `{ objective: x, protocol: openrlhf, url: '${url}', retries: 0${more} }`;

async function portOf(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  return (server.address() as AddressInfo).port;
}

interface Authority {
  readonly cert: string;
  readonly key: Buffer;
  readonly pem: Buffer;
}

/** A certificate for localhost that is its own authority; undefined without openssl. */
async function authority(t: TestContext): Promise<Authority | undefined> {
  const directory = await temporaryDirectory(t);
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  try {
    await promisify(execFile)('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
    ]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
  return { cert, key: await readFile(key), pem: await readFile(cert) };
}

/** A server of scores over TLS. */
async function tlsPort(t: TestContext, { key, pem }: Authority): Promise<number> {
  const server = createTlsServer({ key, cert: pem }, (request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += String(part)));
    request.on('end', () =>
      json(response, { rewards: query(JSON.parse(text) as Record<string, unknown>).map(() => 1) }),
    );
  });
  return portOf(t, server);
}

async function message(t: TestContext, text: string): Promise<string> {
  return (at(await outcomes(await client(t, text)), 0) as { message: string }).message;
}

/** Sets variables for the time of a test. */
function environment(t: TestContext, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    process.env[name] = value;
    t.after(() => delete process.env[name]);
  }
}

/** A proxy, and what it was asked for. */
async function proxy(t: TestContext): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    json(response, { rewards: [7, 7, 7] });
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
    const own = await authority(t);
    if (own === undefined) return t.skip('needs openssl to make a certificate');
    const port = await tlsPort(t, own);
    assert.deepEqual(
      await outcomes(await client(t, yaml(`https://localhost:${port}/`, `, ca: ${own.cert}`))),
      [1, 1, 1],
    );
    assert.match(
      await message(t, yaml(`https://localhost:${port}/`)),
      /^https:\/\/localhost:\d+\/: its certificate is not trusted; name its authority with ca \(/,
    );
    const elsewhere = yaml(`https://127.0.0.1:${port}/`, `, ca: ${own.cert}`);
    assert.match(await message(t, elsewhere), /: its certificate is for another host \(/);
  });
});

describe('proxies', () => {
  test('of HTTP_PROXY are asked for the URL, unless NO_PROXY names its host', async (t) => {
    const { url, asked } = await proxy(t);
    environment(t, { HTTP_PROXY: `http://me:word@${url}`, NO_PROXY: '127.0.0.1' });
    const service = await client(t, yaml('http://rewards.example/score'));
    assert.deepEqual(await outcomes(service), [7, 7, 7]);
    const basic = Buffer.from('me:word').toString('base64');
    assert.deepEqual(asked, [`POST http://rewards.example/score Basic ${basic}`]);
    const direct = await answering(t, (_, response) => json(response, { rewards: [1, 2, 3] }));
    assert.deepEqual(await outcomes(await client(t, yaml(direct.url))), [1, 2, 3]);
    assert.equal(asked.length, 1);
  });

  test('of HTTPS_PROXY are asked for a tunnel, through which certificates are checked', async (t) => {
    const own = await authority(t);
    if (own === undefined) return t.skip('needs openssl to make a certificate');
    const port = await tlsPort(t, own);
    const { url, asked } = await proxy(t);
    environment(t, { HTTPS_PROXY: `http://${url}` });
    assert.deepEqual(
      await outcomes(await client(t, yaml(`https://localhost:${port}/`, `, ca: ${own.cert}`))),
      [1, 1, 1],
    );
    assert.deepEqual(asked, [`CONNECT localhost:${port}`]);
    assert.match(await message(t, yaml(`https://localhost:${port}/`)), /its certificate is not trusted/);
  });

  test('that are no URL are refused without showing them', async (t) => {
    environment(t, { HTTP_PROXY: 'me:word@proxy' });
    await assert.rejects(openHttpScorer({ path: await file(t, yaml('http://x')) }), (error) => {
      assert.match((error as Error).message, /^environment HTTP_PROXY, HTTPS_PROXY: found no URL of a proxy/);
      assert.doesNotMatch((error as Error).message, /word/);
      return true;
    });
  });
});

test('each service sends its own token, and no error shows it', async (t) => {
  const vendors = await Promise.all(
    ['secret-a', 'secret-b'].map(async (token) => {
      const server = await answering(t, ({ headers }, response) =>
        json(response, { error: `unknown key ${headers.authorization}` }, 401),
      );
      const tokenFile = join(await temporaryDirectory(t), 'token');
      await writeFile(tokenFile, `${token}\n`);
      return { ...server, token, found: await message(t, yaml(server.url, `, tokenFile: '${tokenFile}'`)) };
    }),
  );
  for (const { asked, token, url, found } of vendors) {
    assert.equal(asked[0]?.headers.authorization, `Bearer ${token}`);
    assert.equal(found, `${url}: HTTP 401: {"error":"unknown key Bearer ***"}`);
  }
});
