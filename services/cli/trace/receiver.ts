/** A small OTLP/HTTP receiver: writes the traces of this machine's services to a JSON Lines file if no collector is configured. */
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { messageOf } from '@gapo/rpc';
import { localHost } from '../processes/ports.js';

/** Maximum bytes of a request. The SDK sends at most 512 spans at a time. */
const longestBody = 32 * 1024 * 1024;
/** Maximum characters buffered before {@link TraceReceiver.writeTo} names the file; later spans are dropped. */
const longestBuffer = 64 * 1024 * 1024;

/** Receives traces. */
export interface TraceReceiver {
  /** The environment that sends a service's traces here. */
  readonly env: Record<string, string>;
  /** Why the file is incomplete, such as a full disk; undefined if it is not. */
  readonly failure: Error | undefined;
  /** Writes the buffered traces, then all later ones, to a file. */
  writeTo(path: string): void;
  /** Stops listening and closes the file. Call it after the services have stopped: they flush their last spans on exit. */
  close(): Promise<void>;
}

/** Starts a receiver on a free port of 127.0.0.1. */
export async function startTraceReceiver(): Promise<TraceReceiver> {
  const receiver = new FileReceiver();
  await receiver.listen();
  return receiver;
}

class FileReceiver implements TraceReceiver {
  failure: Error | undefined;
  readonly #server: Server;
  #waiting: string[] = [];
  #waitingLength = 0;
  #file: WriteStream | undefined;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#receive(request, response).catch((error: unknown) => {
        response.statusCode = 400;
        response.end(JSON.stringify({ message: messageOf(error) }));
      });
    });
  }

  get env(): Record<string, string> {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the trace receiver is not listening');
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://${localHost}:${address.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    };
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, localHost, resolve);
    });
  }

  writeTo(path: string): void {
    mkdirSync(dirname(path), { recursive: true });
    this.#file?.end();
    this.#file = createWriteStream(path, { flags: 'a' });
    // The training continues without its trace.
    this.#file.on('error', (error) => (this.failure ??= error));
    for (const line of this.#waiting) this.#file.write(line);
    this.#waiting = [];
    this.#waitingLength = 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const file = this.#file;
    if (file !== undefined) await new Promise<void>((resolve) => file.end(() => resolve()));
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST' || request.url !== '/v1/traces') {
      response.statusCode = 404;
      response.end();
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > longestBody) throw new Error(`the request is longer than ${longestBody} bytes`);
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8');
    // Reformatted, so that a request is one line whatever its whitespace.
    this.#keep(`${JSON.stringify(JSON.parse(text))}\n`);
    response.setHeader('content-type', 'application/json');
    response.end('{"partialSuccess":{}}');
  }

  #keep(line: string): void {
    if (this.#file !== undefined) {
      this.#file.write(line);
      return;
    }
    if (this.#waitingLength + line.length > longestBuffer) return;
    this.#waiting.push(line);
    this.#waitingLength += line.length;
  }
}
