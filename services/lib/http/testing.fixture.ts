/** `@gapo/http/testing`: real HTTP servers for tests, and the environment of their clients. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { temporaryDirectory } from '@gapo/service/testing';

/** A request's parts. */
export interface Asked {
  /** The JSON of its body; empty if it has none. */
  readonly body: Record<string, unknown>;
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
}

/** Listens on a free port. */
export async function listening(t: TestContext, listener: RequestListener, host = '127.0.0.1'): Promise<string> {
  const http = createServer(listener);
  await new Promise<void>((resolve, reject) => http.once('error', reject).listen(0, host, resolve));
  t.after(() => (http.closeAllConnections(), http.close()));
  const { port } = http.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** A server that reads each request and then answers it with a function; what it was asked, in order. */
export async function answering(
  t: TestContext,
  answer: (asked: Asked, response: ServerResponse, request: IncomingMessage) => void,
  host?: string,
): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const url = await listening(
    t,
    (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        const body = JSON.parse(text || '{}') as Record<string, unknown>;
        const one = { body, headers: request.headers, path: request.url ?? '' };
        asked.push(one);
        answer(one, response, request);
      });
    },
    host,
  );
  return { url, asked };
}

/** Answers with JSON. */
export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** Sets variables of the environment for the time of a test. */
export function setVariables(t: TestContext, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    process.env[name] = value;
    t.after(() => delete process.env[name]);
  }
}

/** A certificate and its key. */
export interface Authority {
  readonly key: Buffer;
  readonly pem: Buffer;
  /** The file of the certificate, which goes with the test. */
  readonly path: string;
}

/** A certificate for localhost that is its own authority; undefined without openssl. */
export async function selfSigned(t: TestContext): Promise<Authority | undefined> {
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
  return { key: await readFile(key), pem: await readFile(cert), path: cert };
}
