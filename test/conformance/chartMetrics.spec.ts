/** The chart's metrics: served by every pod of the platform if enabled, and reachable only by scrapers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { environmentOf, helm, renderText, workloads, type KubernetesObject } from './rendered.js';
import { projectRoot } from './services.js';

const skip = helm === undefined && 'helm is not available';

const scrapers = [{ namespaceSelector: { matchLabels: { team: 'monitoring' } } }];

const rendered = (...settings: string[]): KubernetesObject[] =>
  parseAllDocuments(renderText('default', ...settings)).flatMap((document) => {
    const object = document.toJS() as KubernetesObject | null;
    return object === null ? [] : [object];
  });

test('off by default: no pod listens, and nothing needs the Prometheus operator', { skip }, () => {
  const text = renderText('default');
  assert.doesNotMatch(text, /LISTEN_METRICS|name: metrics|monitoring\.coreos\.com/);
});

test('every service serves metrics where they are on, and the policies let scrapers in', { skip }, () => {
  const objects = rendered(
    `metrics=${JSON.stringify({ enabled: true, port: 9100, from: scrapers, podMonitor: { enabled: true, labels: { release: 'x' } }, rules: { enabled: true } })}`,
    'operator={"enabled":true}',
  );
  const serving = workloads(objects).flatMap(({ object, pod }) => {
    const [container] = pod.containers;
    const { LISTEN_METRICS } = environmentOf(container);
    const port = container?.ports?.find(({ name }) => name === 'metrics')?.containerPort;
    assert.equal(LISTEN_METRICS === undefined ? undefined : '0.0.0.0:9100', LISTEN_METRICS);
    assert.equal(port, LISTEN_METRICS === undefined ? undefined : 9100, object.metadata.name);
    return port === undefined ? [] : [object.metadata.name];
  });
  const policies = objects
    .filter(({ kind }) => kind === 'NetworkPolicy')
    .filter(({ spec }) =>
      spec?.ingress?.some(
        ({ from, ports }) =>
          ports?.length === 1 && ports[0]?.port === 9100 && JSON.stringify(from) === JSON.stringify(scrapers),
      ),
    );
  assert.ok(serving.length >= 6, serving.join());
  // Pods of RewardServices come and go; one policy covers all of them.
  const expected = [...serving, 'gapo-reward-services'];
  assert.deepEqual(policies.map(({ metadata }) => metadata.name).sort(), expected.sort());
  const [monitor, ...others] = objects.filter(({ kind }) => kind === 'PodMonitor');
  assert.equal(monitor?.metadata.labels['release'], 'x');
  assert.equal(others.length, 0);
  const rule = objects.find(({ kind }) => kind === 'PrometheusRule');
  assert.ok(JSON.stringify(rule?.spec).includes('GapoRunStalled'));
});

test('a PodMonitor without metrics is refused', { skip }, () => {
  assert.throws(
    () => renderText('default', 'metrics={"enabled":false,"podMonitor":{"enabled":true}}'),
    /set metrics\.enabled/,
  );
});

test('dashboards are ConfigMaps that Grafana’s sidecar finds, and only where they are wanted', { skip }, () => {
  assert.doesNotMatch(renderText('default'), /grafana_dashboard/);
  const objects = rendered('metrics.dashboards={"enabled":true,"annotations":{"grafana_folder":"gapo"}}');
  const maps = objects.filter(({ metadata }) => metadata.labels['grafana_dashboard'] === '1');
  assert.deepEqual(maps.map(({ metadata }) => metadata.name).sort(), [
    'gapo-dashboard-rewards',
    'gapo-dashboard-run',
    'gapo-dashboard-services',
  ]);
  for (const { kind, metadata, data = {} } of maps) {
    assert.deepEqual([kind, metadata.annotations?.['grafana_folder']], ['ConfigMap', 'gapo']);
    const [[file = '', text = ''] = []] = Object.entries(data);
    const committed = readFileSync(
      join(projectRoot, 'deploy/observability/dashboards', file.replace('gapo-', '')),
      'utf8',
    );
    assert.deepEqual(JSON.parse(text), JSON.parse(committed));
  }
});
