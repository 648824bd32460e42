/** The dashboards as Grafana reads them: its JSON model, version 39, which Grafana 10.4 and later take. */
import { metrics, type MetricDeclaration, type MetricKey } from '../declared/metrics.js';
import type { DashboardDeclaration, PanelDeclaration } from './layout.js';
import { queriesOf } from './queries.js';

const schemaVersion = 39;

/** Grafana's grid is 24 wide: three panels beside each other. */
const [columns, panelWidth, panelHeight] = [3, 8, 8];

/** Grafana's names of units. Counters are shown as rates. */
const units: Readonly<Record<string, string>> = { s: 's', By: 'bytes', deg: 'degree' };

const datasource = { type: 'prometheus', uid: '${datasource}' } as const;

/** Returns a dashboard's JSON. */
export function dashboardJson(dashboard: DashboardDeclaration): string {
  return `${JSON.stringify(modelOf(dashboard), null, 2)}\n`;
}

function modelOf(dashboard: DashboardDeclaration): object {
  const { uid, title, description, variables } = dashboard;
  return {
    uid,
    title,
    description,
    tags: ['gapo'],
    schemaVersion,
    version: 1,
    editable: true,
    graphTooltip: 1, // one crosshair for all panels
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    fiscalYearStartMonth: 0,
    links: [{ type: 'dashboards', title: 'gapo', tags: ['gapo'], asDropdown: false, includeVars: true, keepTime: true, targetBlank: false, icon: '', tooltip: '', url: '' }],
    annotations: { list: [alertAnnotation] },
    templating: { list: [datasourceVariable, ...variables.map(variableOf)] },
    panels: panelsOf(dashboard),
  }; // prettier-ignore
}

const datasourceVariable = {
  name: 'datasource',
  label: 'Prometheus',
  type: 'datasource',
  query: 'prometheus',
  hide: 0,
  includeAll: false,
  multi: false,
  refresh: 1,
};

/** Draws when alerts fire. */
const alertAnnotation = {
  name: 'Alerts',
  datasource,
  enable: true,
  hide: false,
  iconColor: 'red',
  expr: 'ALERTS{alertname=~"Gapo.*", alertstate="firing"}',
  titleFormat: '{{alertname}}',
  textFormat: '{{rl_run_id}} {{gapo_objective}} {{instance}}',
};

/** Where the choices of a variable come from. */
const sources = {
  run: { label: 'Run', query: 'label_values(gapo_run_state, rl_run_id)' },
  objective: { label: 'Objective', query: 'label_values(rl_environment_reward_mean{rl_run_id=~"$run"}, gapo_objective)' },
  instance: { label: 'Instance', query: 'label_values(process_uptime, instance)' },
} as const; // prettier-ignore

function variableOf(name: DashboardDeclaration['variables'][number]): object {
  const { label, query } = sources[name];
  return {
    name,
    label,
    type: 'query',
    datasource,
    query: { qryType: 1, query, refId: 'variable' },
    definition: query,
    refresh: 2, // when the time range changes
    sort: 2,
    hide: 0,
    includeAll: true,
    allValue: '.*',
    multi: true,
    current: { selected: true, text: ['All'], value: ['$__all'] },
  };
}

function panelsOf(dashboard: DashboardDeclaration): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const { title, panels: entries } of dashboard.rows) {
    panels.push({ id: panels.length + 1, type: 'row', title, collapsed: false, gridPos: { h: 1, w: columns * panelWidth, x: 0, y }, panels: [] }); // prettier-ignore
    y += 1;
    for (const [i, entry] of entries.entries()) {
      const place = { x: (i % columns) * panelWidth, y: y + Math.floor(i / columns) * panelHeight };
      const panel = typeof entry === 'string' ? { metrics: [entry] } : entry;
      panels.push(panelOf(panel, dashboard, panels.length + 1, place));
    }
    y += Math.ceil(entries.length / columns) * panelHeight;
  }
  return panels;
}

function panelOf(
  panel: PanelDeclaration,
  dashboard: DashboardDeclaration,
  id: number,
  place: { readonly x: number; readonly y: number },
): object {
  const { metrics: keys, type = 'timeseries', query } = panel;
  const [first] = keys as readonly [MetricKey, ...MetricKey[]];
  const { name, description, instrument, unit }: MetricDeclaration = metrics[first];
  const isRate = instrument === 'counter' && query === undefined;
  const targets = queriesOf(panel, dashboard).map(({ expr, legend }, i) => ({
    refId: String.fromCharCode('A'.charCodeAt(0) + i),
    datasource,
    expr,
    legendFormat: legend,
    editorMode: 'code',
    range: type === 'timeseries',
    instant: type !== 'timeseries',
  }));
  return {
    id,
    type,
    title: panel.title ?? `${name}${isRate ? ', per second' : ''}`,
    description: panel.description ?? description,
    datasource,
    gridPos: { h: panelHeight, w: panelWidth, ...place },
    fieldConfig: {
      defaults: {
        unit: panel.unit ?? (isRate ? 'cps' : (units[unit] ?? 'short')),
        ...(type === 'bargauge' && { min: 0, max: 1 }),
        ...(type === 'timeseries' && { custom: drawing(panel.stacked ?? false) }),
      },
      overrides: [],
    },
    options: optionsOf(type, first),
    targets,
  };
}

function drawing(stacked: boolean): object {
  return { drawStyle: 'line', lineWidth: 1, fillOpacity: stacked ? 30 : 0, showPoints: 'never', spanNulls: false, stacking: { mode: stacked ? 'normal' : 'none', group: 'A' } }; // prettier-ignore
}

function optionsOf(type: 'timeseries' | 'stat' | 'bargauge', metric: MetricKey): object {
  if (type === 'timeseries') {
    const legend = { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull'] };
    return { legend, tooltip: { mode: 'multi', sort: 'desc' } };
  }
  const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false };
  const common = { reduceOptions, orientation: 'horizontal' };
  if (type === 'bargauge') {
    const legend = { displayMode: 'list', placement: 'bottom', showLegend: false, calcs: [] };
    const sizes = { sizing: 'auto', minVizWidth: 8, minVizHeight: 16, maxVizHeight: 300 };
    return {
      ...common,
      ...sizes,
      legend,
      displayMode: 'basic',
      valueMode: 'color',
      namePlacement: 'auto',
      showUnfilled: true,
    };
  }
  // The state is the name of the series that is 1.
  const textMode = metric === 'runState' ? 'name' : 'value_and_name';
  const change = { showPercentChange: false, percentChangeColorMode: 'standard' };
  return {
    ...common,
    ...change,
    textMode,
    colorMode: 'none',
    graphMode: 'none',
    justifyMode: 'auto',
    wideLayout: true,
  };
}
