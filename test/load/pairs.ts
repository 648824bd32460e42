/** Pairs of CreateRun and CancelRun at a fixed rate. */
import { setTimeout as delay } from 'node:timers/promises';
import { connect, RpcError } from '@gapo/rpc';

/** The outcome of the pairs. */
export interface PairReport {
  readonly pairs: number;
  readonly seconds: number;
  /** How often CreateRun returned each code. */
  readonly created: Readonly<Record<string, number>>;
  /** How often CancelRun returned each code. */
  readonly cancelled: Readonly<Record<string, number>>;
  /** One message for each code other than OK. */
  readonly messages: Readonly<Record<string, string>>;
  /** Latency in milliseconds: the median, and the 99th percentile. */
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** Options of the pairs. */
export interface PairOptions {
  readonly coordinator: string;
  readonly configYaml: string;
  readonly baseDirectory: string;
  /** Pairs per second. */
  readonly rate: number;
  readonly seconds: number;
}

const deadlineMs = 60_000;
const tickMs = 10;

/**
 * Sends the pairs and waits for every response. A refused run is cancelled too; the response is then that it does not exist.
 */
export async function sendPairs({
  coordinator,
  configYaml,
  baseDirectory,
  rate,
  seconds,
}: PairOptions): Promise<PairReport> {
  const client = connect('gapo.training.v1.TrainingService', coordinator);
  const created: Record<string, number> = {};
  const cancelled: Record<string, number> = {};
  const messages: Record<string, string> = {};
  const times: number[] = [];
  const counted = async (
    counts: Record<string, number>,
    method: string,
    call: () => Promise<unknown>,
  ): Promise<void> => {
    const begin = performance.now();
    const error = await call().then(
      () => undefined,
      (reason: unknown) => RpcError.from(reason),
    );
    times.push(performance.now() - begin);
    const code = error?.code ?? 'OK';
    counts[code] = (counts[code] ?? 0) + 1;
    if (error !== undefined) messages[`${method} ${code}`] ??= error.details;
  };
  const pair = async (number: number): Promise<void> => {
    const runId = `pair-${number}`;
    await counted(created, 'CreateRun', () => client.CreateRun({ configYaml, baseDirectory, runId }, { deadlineMs }));
    await counted(cancelled, 'CancelRun', () => client.CancelRun({ runId }, { deadlineMs }));
  };
  const all: Promise<void>[] = [];
  const begin = performance.now();
  while (performance.now() - begin < 1000 * seconds) {
    while (all.length < ((performance.now() - begin) / 1000) * rate) all.push(pair(all.length + 1));
    await delay(tickMs);
  }
  await Promise.all(all);
  const elapsed = (performance.now() - begin) / 1000;
  client.close();
  const sorted = times.sort((a, b) => a - b);
  const quantile = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;
  return {
    pairs: all.length,
    seconds: elapsed,
    created,
    cancelled,
    messages,
    medianMs: quantile(0.5),
    p99Ms: quantile(0.99),
  };
}
