/**
 * Programs that receive telemetry: a collector with the configuration from deploy/observability, and Prometheus.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from '@gapo/service';
import { freePort, type Owner } from '@gapo/service/testing';
import { stringify } from 'yaml';
import { project } from '../platform.fixture.js';

const collector = process.env['OTELCOL'] ?? 'otelcol';
const observability = join(project, 'deploy/observability');

/** Why these tests cannot run; false if they can. */
export function whyNoPrograms(): string | false {
  for (const [program, hint] of [
    [collector, 'make test-telemetry builds it'],
    ['prometheus', 'Debian: prometheus'],
    ['promtool', 'Debian: prometheus'],
  ] as const) {
    if (spawnSync(program, ['--version']).error !== undefined) return `${program} is not available (${hint})`;
  }
  return false;
}

/** Starts a program with its output written to a file. It ends with the test. */
function start(t: Owner, program: string, args: readonly string[], log: string): void {
  const output = openSync(log, 'a');
  const child = spawn(program, args, { stdio: ['ignore', output, output] });
  closeSync(output);
  t.after(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
}

/**
 * Starts a collector that passes everything on to a receiver, as JSON.
 *
 * @returns the URL to which services send
 */
export async function startCollector(t: Owner, directory: string, receiver: string): Promise<string> {
  const [http, grpc] = [await freePort(), await freePort()];
  const overrides = {
    receivers: {
      otlp: { protocols: { http: { endpoint: `127.0.0.1:${http}` }, grpc: { endpoint: `127.0.0.1:${grpc}` } } },
    },
    processors: { batch: { timeout: '100ms' } },
    exporters: {
      'otlp_http/traces': { endpoint: receiver, encoding: 'json' },
      'otlp_http/test': { endpoint: receiver, encoding: 'json' },
    },
    service: {
      pipelines: { logs: { exporters: ['otlp_http/test'] }, metrics: { exporters: ['otlp_http/test'] } },
      telemetry: { metrics: { level: 'none' } },
    },
  };
  const file = join(directory, 'collector.yaml');
  writeFileSync(file, stringify(overrides));
  const configs = [join(observability, 'collector.yaml'), file].flatMap((path) => ['--config', path]);
  start(t, collector, configs, join(directory, 'collector.log'));
  const url = `http://127.0.0.1:${http}`;
  await untilAnswers(`${url}/`);
  return url;
}

const sample = z.object({
  metric: z.record(z.string(), z.string()),
  value: z.tuple([z.number(), z.string()]),
});

/** A sample in a query's result. */
export type PrometheusSample = z.output<typeof sample>;

const answer = z.object({ status: z.literal('success'), data: z.object({ result: z.array(sample) }) });

/** Prometheus. */
export interface RunningPrometheus {
  /** Evaluates a query now. @throws Error if it cannot be evaluated */
  query(expr: string): Promise<PrometheusSample[]>;
}

/** Starts Prometheus with the alerts. @param targets host:port of services by name */
export async function startPrometheus(
  t: Owner,
  directory: string,
  targets: ReadonlyMap<string, string>,
  rules: string = join(observability, 'alerts.yaml'),
): Promise<RunningPrometheus> {
  const port = await freePort();
  const file = join(directory, 'prometheus.yaml');
  const jobs = [...targets].map(([job, target]) => ({ job_name: job, static_configs: [{ targets: [target] }] }));
  const global = { scrape_interval: '1s', evaluation_interval: '1s' };
  writeFileSync(file, stringify({ global, rule_files: [rules], scrape_configs: jobs }));
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(directory, 'tsdb')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  start(t, 'prometheus', args, join(directory, 'prometheus.log'));
  const url = `http://127.0.0.1:${port}`;
  await untilAnswers(`${url}/-/ready`);
  return {
    async query(expr) {
      const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expr }).toString()}`);
      const body: unknown = await response.json();
      const parsed = answer.safeParse(body);
      if (!parsed.success) throw new Error(`${expr}: ${JSON.stringify(body)}`);
      return parsed.data.data.result;
    },
  };
}

/** Repeats a query until `fits` holds for its result. */
export async function untilFound(
  prometheus: RunningPrometheus,
  expr: string,
  fits: (found: readonly PrometheusSample[]) => boolean = (found) => found.length > 0,
): Promise<PrometheusSample[]> {
  for (;;) {
    const found = await prometheus.query(expr);
    if (fits(found)) return found;
    await delay(500);
  }
}

async function untilAnswers(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    if (response !== undefined && response.status !== 503) return;
    await delay(100);
  }
}
