/**
 * What a round of make overhead switches on and off: telemetry, or the tracker that writes TensorBoard's event files.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blockMs } from './blocks.js';

/** The services whose CPU time counts. */
export const services = ['coordinator', 'rollout-1', 'gradient-1', 'reward-helpful', 'reward-harmless', 'gateway'];

/** What is measured. */
export interface Round {
  /** Its name, as in `telemetry takes less than`. */
  readonly what: string;
  /** Environment of every service. */
  readonly env: Readonly<Record<string, string>>;
  /** Called once the services run. @param root the directory with data and logs */
  started(root: string): void;
  /** Called several times in a block. */
  during(on: boolean): Promise<void>;
  /** Called at the end of a block. */
  ended(on: boolean): void;
  /** Returns evidence against it having been on and off, the measurements, and these as text. */
  findings(): {
    readonly problem: string | undefined;
    readonly data: Readonly<Record<string, unknown>>;
    readonly text: string;
  };
  close(): void;
}

/** The rounds by their names. */
export const rounds = { telemetry: telemetryRound, trackers: trackerRound };

/** The environment for {@link services}, with the module that switches them. */
const switching = (round: keyof typeof rounds): Record<string, string> => ({
  BLOCK_SECONDS: String(blockMs / 1000),
  ROUND: round,
});

/** Traces and logs over OTLP to a server that counts them, and scraped metrics. */
async function telemetryRound(): Promise<Round> {
  const received = { requests: 0, bytes: 0 };
  const server = createServer((request, response) => {
    received.requests += 1;
    request.on('data', (chunk: Buffer) => (received.bytes += chunk.length));
    // An empty message means that everything was accepted.
    request.on('end', () => response.setHeader('content-type', 'application/x-protobuf').end());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  let addresses: string[] = [];
  let scrapes = 0;
  return {
    what: 'telemetry',
    env: {
      ...switching('telemetry'),
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      // Scraped instead, while telemetry is on.
      OTEL_METRICS_EXPORTER: 'none',
      LISTEN_METRICS: '127.0.0.1:0',
    },
    started: (root) => {
      addresses = services.map((name) => metricsAddress(join(root, 'logs', `${name}.log`)));
    },
    during: async (on) => {
      if (!on) return;
      for (const address of addresses) await fetch(`http://${address}/metrics`).then((response) => response.text());
      scrapes += 1;
    },
    ended: nothing,
    findings: () => ({
      problem: received.requests > 0 && scrapes > 0 ? undefined : 'nothing was received',
      data: { ...received, scrapes },
      text: `${received.requests} requests of ${(received.bytes / 1e6).toFixed(1)} MB in all, ${scrapes} scrapes of ${services.length} services`,
    }),
    close: () => void server.close(),
  };
}

function metricsAddress(log: string): string {
  const found = /"metrics":"([^"]+)"/.exec(readFileSync(log, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`${log} names no address of metrics`);
  return found;
}

const nothing = (): void => undefined;

/** TensorBoard event files. */
async function trackerRound(): Promise<Round> {
  const directory = mkdtempSync(join(tmpdir(), 'gapo-tensorboard-'));
  /** Bytes of all files at the end of the last block, and the bytes written in blocks with the tracker on and off. */
  let [bytes, on, off] = [0, 0, 0];
  return {
    what: 'the TensorBoard tracker',
    env: { ...switching('trackers'), TENSORBOARD_DIR: directory },
    started: nothing,
    during: async () => undefined,
    ended: (isOn) => {
      const now = bytesIn(directory);
      if (isOn) on += now - bytes;
      else off += now - bytes;
      bytes = now;
    },
    findings: () => ({
      // Data in flight when a block ended count towards the next one.
      problem: on > 10 * off ? undefined : `${on} bytes were written while it was on, ${off} while it was off`,
      data: { bytes: on, bytesWhileOff: off },
      text: `${(on / 1e3).toFixed(1)} kB of event files`,
    }),
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function bytesIn(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
