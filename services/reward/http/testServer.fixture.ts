/** For tests: real HTTP servers, and reward services that call them. */
import { writeFile } from 'node:fs/promises';
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
import { served, type RewardClient } from '@gapo/reward/testing';
import { temporaryDirectory } from '@gapo/service/testing';
import type { RemoteOptions } from '../remote/remoteFile.js';
import { openHttpScorer } from './httpScorer.js';

/** Calls have no deadline: the machine may be busy. */
export const deadlineMs = Infinity;

/** A request's parts. */
export interface Asked {
  readonly body: Record<string, unknown>;
  readonly headers: IncomingHttpHeaders;
  readonly path: string | undefined;
}

/** Listens on a free port. */
export async function listening(t: TestContext, listener: RequestListener, host = '127.0.0.1'): Promise<string> {
  const http = createServer(listener);
  await new Promise<void>((resolve, reject) => http.once('error', reject).listen(0, host, resolve));
  t.after(() => (http.closeAllConnections(), http.close()));
  const { port } = http.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** A server that reads each request and then answers it with a function. */
export async function answering(
  t: TestContext,
  answer: (asked: Asked, response: ServerResponse, request: IncomingMessage) => void,
  host?: string,
): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const origin = await listening(
    t,
    (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        const one = { body: JSON.parse(text) as Record<string, unknown>, headers: request.headers, path: request.url };
        asked.push(one);
        answer(one, response, request);
      });
    },
    host,
  );
  return { url: `${origin}/score`, asked };
}

/** Answers with JSON. */
export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** Writes a YAML file into a folder of its own. */
export async function file(t: TestContext, yaml: string): Promise<string> {
  const path = join(await temporaryDirectory(t), 'reward.yaml');
  await writeFile(path, yaml);
  return path;
}

/** A reward service for a YAML file. */
export async function client(
  t: TestContext,
  yaml: string,
  options: Omit<RemoteOptions, 'path'> = {},
): Promise<RewardClient> {
  return served(t, await openHttpScorer({ path: await file(t, yaml), ...options }));
}

/** Three items. */
export const items = ['a', 'bb', 'ccc'].map((completion, i) => ({ id: String(i), prompt: 'p', completion }));

/** The score or the error of each item. */
export async function outcomes(service: RewardClient): Promise<unknown[]> {
  const { results } = await service.Score({ items }, { deadlineMs });
  return results.map(({ score, error }) => score ?? error);
}

/** The prompts with completions of a request by OpenRLHF's protocol. */
export function query(body: Record<string, unknown>): string[] {
  return body['query'] as string[];
}
