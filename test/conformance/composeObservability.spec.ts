/** The observability profile of the compose file: what it starts finds its files, its data sources and the services to scrape. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { composeFolder, services, volumes } from './composeFile.js';
import { projectRoot } from './services.js';

const folder = join(projectRoot, 'deploy/observability');
const read = (file: string): unknown => parse(readFileSync(join(folder, file), 'utf8'));

/** Services that the profile starts in addition to the platform. */
const profile = Object.entries(services).filter(([, { profiles = [] }]) => profiles.includes('observability'));
const names = profile.map(([name]) => name).sort();

/** The platform services' settings for the profile. */
const env = new Map(
  [...readFileSync(join(folder, 'compose.env'), 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [
    name,
    value,
  ]),
);

/** Mounts of files and folders of this repository: path here, path in the container, by service. */
function mounts(name: string): { source: string; target: string }[] {
  return (services[name]?.volumes ?? []).flatMap((volume) => {
    const [source = '', target = ''] = typeof volume === 'string' ? volume.split(':') : [];
    return source.startsWith('.') ? [{ source: join(composeFolder, source), target }] : [];
  });
}

/** Asserts that a URL belongs to a service started by the profile. Returns its name and port. */
function started(url: string): { host: string; port: number } {
  const { hostname: host, port } = new URL(url);
  assert.ok(names.includes(host), `${url}: the profile starts ${names.join(', ')}`);
  return { host, port: Number(port) };
}

/** The published ports of a container. */
const published = (name: string): number[] =>
  (services[name]?.ports ?? []).map((port) => Number(/(\d+)$/.exec(port)?.[1]));

test('every mount is of a file that is there, and every named volume is declared', () => {
  for (const [name, { volumes: mounted = [] }] of Object.entries(services)) {
    for (const { source } of mounts(name)) assert.ok(existsSync(source), `${name}: there is no ${source}`);
    for (const volume of mounted) {
      if (typeof volume !== 'string' || volume.startsWith('.')) continue;
      assert.ok((volume.split(':')[0] ?? '') in volumes, `${name}: ${volume} is no volume of the file`);
    }
  }
});

test('every image of others names its version', () => {
  for (const [name, { image }] of Object.entries(services)) {
    if (image.startsWith('gapo-')) continue;
    assert.match(image, /:v?\d+\.\d+(\.\d+)?(-\w+)?(@sha256:[0-9a-f]{64})?$/, name);
  }
});

test('each program reads its configuration from where it is mounted', () => {
  const targetsOf = (name: string): string[] => mounts(name).map(({ target }) => target);
  for (const [name, { command = [] }] of profile) {
    for (const path of (command as string[]).flatMap(
      (word) => /^(?:--config.file=)?(\/etc\/.*)$/.exec(word)?.[1] ?? [],
    )) {
      assert.ok(targetsOf(name).includes(path), `${name} reads ${path}, which is not mounted`);
    }
  }
  const prometheus = mounts('prometheus').find(({ source }) => basename(source) === 'prometheus.yaml');
  const { rule_files: rules } = read('prometheus.yaml') as { rule_files: string[] };
  for (const rule of rules) {
    const path = join(dirname(prometheus?.target ?? ''), rule);
    assert.ok(targetsOf('prometheus').includes(path), `prometheus reads ${path}, which is not mounted`);
  }
  const { providers } = read('grafana/dashboards.yaml') as { providers: { options: { path: string } }[] };
  for (const { options } of providers) {
    const mount = mounts('grafana').find(({ target }) => target === options.path);
    assert.ok(
      readdirSync(mount?.source ?? '').some((file) => file.endsWith('.json')),
      `${options.path} has dashboards`,
    );
  }
});

test('Prometheus scrapes every service of the platform, at the port that it then serves metrics at', () => {
  const { scrape_configs: jobs } = read('prometheus.yaml') as {
    scrape_configs: { dns_sd_configs: { names: string[]; port: number }[] }[];
  };
  const scraped = jobs.flatMap((job) => job.dns_sd_configs);
  const serving = Object.entries(services)
    .filter(([, { environment = {}, profiles = [] }]) => 'LISTEN_METRICS' in environment && profiles.length === 0)
    .map(([name]) => name);
  assert.deepEqual(scraped.flatMap((one) => one.names).sort(), serving.sort());
  const port = /^0\.0\.0\.0:(\d+)$/.exec(env.get('LISTEN_METRICS') ?? '')?.[1];
  assert.deepEqual(
    scraped.map((one) => String(one.port)),
    [port],
  );
});

test('services send to the collector, the collector to Jaeger, and Grafana reads from both stores', () => {
  const known = new Set(
    [...readFileSync(join(composeFolder, 'compose.yaml'), 'utf8').matchAll(/\$\{(\w+):-/g)].map(([, name]) => name),
  );
  for (const name of env.keys()) assert.ok(known.has(name), `compose.env: the compose file has no ${name}`);
  const collector = read('collector.yaml') as {
    receivers: { otlp: { protocols: { http: { endpoint: string } } } };
    exporters: Record<string, { endpoint?: string }>;
  };
  const { host, port } = started(env.get('OTEL_EXPORTER_OTLP_ENDPOINT') ?? '');
  assert.deepEqual([host, `0.0.0.0:${port}`], ['collector', collector.receivers.otlp.protocols.http.endpoint]);
  const traces = collector.exporters['otlp_http/traces']?.endpoint ?? '';
  const sentTo = /^\$\{env:TRACES_ENDPOINT:-(.*)\}$/.exec(traces)?.[1] ?? traces;
  assert.equal(started(sentTo).host, 'jaeger');
  const { datasources } = read('grafana/datasources.yaml') as { datasources: { type: string; url: string }[] };
  for (const { type, url } of datasources) {
    const source = started(url);
    assert.equal(source.host, type);
    assert.deepEqual(published(type), [source.port]);
  }
});

const compose = ['compose', '-f', 'deploy/compose/compose.yaml', '--env-file', 'deploy/observability/compose.env', '--profile', 'observability']; // prettier-ignore
const noCompose = spawnSync('docker', ['compose', 'version']).status === 0 ? false : 'needs docker compose';

test('compose itself reads the profile with its settings', { skip: noCompose }, () => {
  const { status, stdout, stderr } = spawnSync('docker', [...compose, 'config'], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const config = parse(stdout) as { services: Record<string, { environment?: Record<string, string> }> };
  const others = Object.keys(services).filter((name) => (services[name]?.profiles ?? []).length === 0);
  assert.deepEqual(Object.keys(config.services).sort(), [...others, ...names].sort());
  const { environment } = config.services['coordinator'] ?? {};
  assert.equal(environment?.['OTEL_EXPORTER_OTLP_ENDPOINT'], env.get('OTEL_EXPORTER_OTLP_ENDPOINT'));
});
