/** Writes the dashboards of Grafana: `npm run docs:dashboards`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dashboardFolder } from './files.js';
import { dashboardJson } from './grafana.js';
import { dashboards } from './layout.js';

mkdirSync(dashboardFolder, { recursive: true });
for (const [name, dashboard] of Object.entries(dashboards)) {
  writeFileSync(new URL(`${name}.json`, dashboardFolder), dashboardJson(dashboard));
}
