/** Reads recorded data with MLflow's and TensorBoard's own programs. */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from '@gapo/service';
import { freePort, temporaryDirectory, type Owner } from '@gapo/service/testing';

const python = process.env['TRACKERS_PYTHON'] ?? 'python3';
const script = fileURLToPath(new URL('../../trackers/read.py', import.meta.url));

/** Why the programs cannot run; false if they can. */
export function whyNoReaders(): string | false {
  try {
    execFileSync(python, ['-c', 'import mlflow, tensorboard'], { stdio: 'ignore' });
    return false;
  } catch {
    return `${python} lacks mlflow or tensorboard: \`make test-trackers\` installs them`;
  }
}

/** A step, a value, and a time. Python's JSON has NaN. */
const point = z.tuple([z.number(), z.number().or(z.nan()), z.number()]);
export type ReadPoint = z.output<typeof point>;

const mlflowRun = z.object({
  status: z.string(),
  start: z.number(),
  end: z.number().nullable(),
  params: z.record(z.string(), z.string()),
  tags: z.record(z.string(), z.string()),
  metrics: z.record(z.string(), z.array(point)),
  /** Contents by path, hexadecimal. */
  artifacts: z.record(z.string(), z.string()),
});

const tensorboardRun = z.object({
  scalars: z.record(z.string(), z.array(point)),
  texts: z.record(z.string(), z.array(z.string())),
});

async function read(...args: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(python, [script, ...args], { maxBuffer: 2 ** 28 });
  const text = stdout.trim().split('\n').at(-1) ?? '';
  return JSON.parse(text.replace(/\bNaN\b/g, '1e999'), (_, value: unknown) => (value === Infinity ? NaN : value));
}

/** Reads a run with MLflow's client. */
export async function readMlflow(url: string, experiment: string, name: string): Promise<z.output<typeof mlflowRun>> {
  return mlflowRun.parse(await read('mlflow', url, experiment, name));
}

/** Reads a directory with TensorBoard's reader. */
export async function readTensorboard(directory: string): Promise<z.output<typeof tensorboardRun>> {
  return tensorboardRun.parse(await read('tensorboard', directory));
}

/** Starts `mlflow server` over an empty directory. Returns its URL. It ends with the test. */
export async function startMlflow(t: Owner): Promise<{ url: string; version: string }> {
  const directory = await temporaryDirectory(t);
  const port = await freePort();
  const log = openSync(join(directory, 'log'), 'a');
  const args = ['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'];
  const child = spawn(python, args, { cwd: directory, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  t.after(async () => {
    if (child.pid === undefined || child.exitCode !== null) return;
    process.kill(-child.pid, 'SIGTERM'); // it has child processes
    await once(child, 'exit');
  });
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    assert.equal(child.exitCode, null, `mlflow server ended: ${directory}/log`);
    const answer = await fetch(`${url}/version`).catch(() => undefined);
    if (answer?.ok === true) return { url, version: `mlflow ${await answer.text()}` };
    await delay(200);
  }
}
