/**
 * A proxy between a rollout worker and an engine server. With a server, it forwards requests and records them. Without one, it
 * replays a recording, and a request that was not recorded is an error. In both modes a test can make it fail.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { keyOf, normalized, recorded, recordingSchema, type Exchange } from './recording.js';

/** A received request. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingHttpHeaders;
  /** Resolves once its connection or its response has ended, with whether it was answered. */
  readonly ended: Promise<boolean>;
}

/** Decides what to do with a request: 'pass' it on, leave it unanswered, end its connection, or answer it differently. */
export type Intervention = (
  request: Arrived,
) =>
  | 'pass'
  | 'hang'
  | 'reset'
  | { readonly status: number; readonly answer: unknown; readonly headers?: Record<string, string> };

/** The proxy. */
export class EngineStandIn {
  readonly #upstream: string | undefined;
  readonly #answers: Map<string, Exchange>;
  readonly #recorded = new Map<string, Exchange>();
  readonly #server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
      const ended = new Promise<boolean>((resolve) => response.once('close', () => resolve(response.writableFinished)));
      const { method = '', url: path = '', headers } = request;
      void this.#answer({ method, path, body, headers, ended }, response);
    });
  });
  /** Received requests, in order. */
  readonly arrived: Arrived[] = [];
  /** Requests missing in the recording. */
  readonly unknown: string[] = [];
  /** Decides about every request. */
  intervene: Intervention = () => 'pass';

  /**
   * @param recording the file with recorded responses; undefined: none
   * @param upstream the server's URL; undefined: responses come from the recording
   */
  constructor(recording: string | undefined, upstream: string | undefined) {
    this.#upstream = upstream;
    const { exchanges } =
      recording === undefined ? { exchanges: [] } : recordingSchema.parse(JSON.parse(readFileSync(recording, 'utf8')));
    this.#answers = new Map(exchanges.map((each) => [keyOf(each), each]));
  }

  /** Starts listening. Returns the URL. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Writes the recording. */
  save(path: string, command: string): void {
    const exchanges = [...this.#recorded.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const lines = exchanges.map((each) => JSON.stringify(each)).join(',\n');
    writeFileSync(path, `{\n"command": ${JSON.stringify(command)},\n"exchanges": [\n${lines}\n]\n}\n`);
  }

  /** Returns the server's response to a request that it has answered. */
  answerTo(method: string, path: string, body: unknown): unknown {
    const key = keyOf({ method, path, body });
    return (this.#recorded.get(key) ?? this.#answers.get(key))?.answer;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: Arrived, response: ServerResponse): Promise<void> {
    this.arrived.push(request);
    const decision = this.intervene(request);
    if (decision === 'hang') return;
    if (decision === 'reset') return void response.destroy();
    if (decision !== 'pass') return send(response, decision.status, decision.answer, decision.headers);
    const { method, path, body } = request;
    if (this.#upstream !== undefined) return this.#passOn(request, response, this.#upstream);
    const known = this.#answers.get(keyOf({ method, path, body }));
    if (known !== undefined) return send(response, known.status, known.answer);
    this.unknown.push(keyOf({ method, path, body }));
    send(response, 400, { error: { message: `not in the recording: ${method} ${path}` } });
  }

  async #passOn({ method, path, body, headers }: Arrived, response: ServerResponse, upstream: string): Promise<void> {
    const ended = new AbortController();
    response.once('close', () => ended.abort());
    try {
      const answer = await fetch(`${upstream}${path}`, {
        method,
        signal: ended.signal,
        headers: {
          'content-type': 'application/json',
          ...(headers.traceparent === undefined ? {} : { traceparent: String(headers.traceparent) }),
        },
        ...(method === 'POST' && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      const exchange = {
        method,
        path,
        body: normalized(body),
        status: answer.status,
        answer: recorded(path, parsed(text)),
      };
      this.#recorded.set(keyOf(exchange), exchange);
      send(response, answer.status, parsed(text));
    } catch {
      response.destroy();
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function send(response: ServerResponse, status: number, answer: unknown, headers: Record<string, string> = {}): void {
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
}
