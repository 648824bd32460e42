/** The dashboards are generated, complete, and fit Grafana's grid. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { metrics } from '../declared/metrics.js';
import { dashboardFolder } from './files.js';
import { dashboardJson } from './grafana.js';
import { dashboards } from './layout.js';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

test('the committed dashboards are current: npm run docs:dashboards', () => {
  const names = Object.keys(dashboards).map((name) => `${name}.json`);
  assert.deepEqual(readdirSync(dashboardFolder).sort(), names.sort());
  for (const [name, dashboard] of Object.entries(dashboards)) {
    assert.equal(readFileSync(new URL(`${name}.json`, dashboardFolder), 'utf8'), dashboardJson(dashboard), name);
  }
});

test('every declared metric is on a dashboard', () => {
  const shown = new Set(
    Object.values(dashboards).flatMap(({ rows }) =>
      rows.flatMap(({ panels }) => panels.flatMap((panel) => (typeof panel === 'string' ? [panel] : panel.metrics))),
    ),
  );
  assert.deepEqual(Object.keys(metrics).filter((key) => !shown.has(key as keyof typeof metrics)), []); // prettier-ignore
});

test('panels have unique ids and do not overlap', () => {
  for (const dashboard of Object.values(dashboards)) {
    const { panels } = JSON.parse(dashboardJson(dashboard)) as { panels: Panel[] };
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
    );
    assert.equal(new Set(cells).size, cells.length, dashboard.uid);
    assert.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24));
  }
});
