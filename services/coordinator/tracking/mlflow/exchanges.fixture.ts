/**
 * A proxy between a tracker and an MLflow server. With a server, it forwards requests and records them with their responses. Without
 * one, it replays such a recording in order; a request that differs from the recorded one is an error.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from '@gapo/service';

const exchangeSchema = z.object({
  method: z.string(),
  path: z.string(),
  /** The request's JSON, or the SHA-256 of a file. */
  body: z.unknown(),
  status: z.int(),
  answer: z.unknown(),
});

/** A request and its response. */
export type Exchange = z.output<typeof exchangeSchema>;

const recordingSchema = z.object({ server: z.string(), exchanges: z.array(exchangeSchema) });

/** The recorded responses of a server in {@link playScenario}. */
export const recordingFile = new URL('../../../tracking/mlflow/recording.json', import.meta.url);

/** Reads the recording. */
export function readRecording(): readonly Exchange[] {
  return recordingSchema.parse(JSON.parse(readFileSync(recordingFile, 'utf8'))).exchanges;
}

/** Writes a recording, one exchange per line. */
export function writeRecording(server: string, exchanges: readonly Exchange[]): void {
  const lines = exchanges.map((each) => JSON.stringify(each)).join(',\n');
  writeFileSync(recordingFile, `{\n"server": ${JSON.stringify(server)},\n"exchanges": [\n${lines}\n]\n}\n`);
}

/** The proxy. */
export class MlflowStandIn {
  readonly #upstream: string | undefined;
  readonly #expected: Exchange[];
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      this.authorizations.add(headers.authorization);
      void this.#answer(method, path, Buffer.concat(chunks), response);
    });
  });
  /** The requests received, with their responses. */
  readonly exchanges: Exchange[] = [];
  /** The first request that differs from the recording, with the recorded one. */
  difference: { readonly found: unknown; readonly expected: unknown } | undefined;
  /** The Authorization headers received. */
  readonly authorizations = new Set<string | undefined>();
  /** Answers in place of the server, or ends the connection. */
  intervene: (path: string) => { readonly status: number; readonly answer: unknown } | 'reset' | undefined = () =>
    undefined;

  /** @param source a server's URL, or a recording */
  constructor(source: string | readonly Exchange[]) {
    this.#upstream = typeof source === 'string' ? source : undefined;
    this.#expected = typeof source === 'string' ? [] : [...source];
  }

  /** The recorded requests that have not arrived. */
  get missing(): readonly Exchange[] {
    return this.#expected;
  }

  /** Starts listening. Returns the URL. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(method: string, path: string, bytes: Buffer, response: ServerResponse): Promise<void> {
    const decision = this.intervene(path);
    if (decision === 'reset') return void response.destroy();
    const body = bodyOf(method, bytes);
    const { status, answer } = decision ?? (await this.#exchange(method, path, bytes, body));
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  async #exchange(
    method: string,
    path: string,
    bytes: Buffer,
    body: unknown,
  ): Promise<Pick<Exchange, 'status' | 'answer'>> {
    if (this.#upstream === undefined) {
      const next = this.#expected.shift();
      const [found, expected] = [
        { method, path, body },
        next && { method: next.method, path: next.path, body: next.body },
      ];
      if (next !== undefined && JSON.stringify(found) === JSON.stringify(expected)) return next;
      this.difference ??= { found, expected };
      return { status: 500, answer: { message: 'not the request that was recorded' } };
    }
    const answered = await fetch(`${this.#upstream}${path}`, {
      method,
      headers: { 'content-type': method === 'PUT' ? 'application/octet-stream' : 'application/json' },
      ...(method !== 'GET' && { body: new Uint8Array(bytes) }),
    });
    const text = await answered.text();
    const exchange = {
      method,
      path,
      body,
      status: answered.status,
      answer: text === '' ? {} : (JSON.parse(text) as unknown),
    };
    this.exchanges.push(exchange);
    return exchange;
  }
}

function bodyOf(method: string, bytes: Buffer): unknown {
  if (method === 'PUT') return createHash('sha256').update(bytes).digest('hex');
  return bytes.length === 0 ? null : (JSON.parse(bytes.toString()) as unknown);
}
