/** The queries of a panel, in PromQL. */
import { attributes, type AttributeKey } from '../declared/attributes.js';
import { metrics, prometheusName, type MetricDeclaration, type MetricKey } from '../declared/metrics.js';
import type { DashboardDeclaration, PanelDeclaration } from './layout.js';

/** A query. */
export interface Query {
  readonly expr: string;
  /** How its series are named: labels in braces. */
  readonly legend: string;
}

/** What a dashboard lets its viewer choose, by the label that it selects. */
const chosen = { run: 'rl_run_id', objective: 'gapo_objective', instance: 'instance' } as const;

/** Shares of the values of a histogram that are below what is drawn. */
const quantiles = [0.5, 0.95];

const rateInterval = '$__rate_interval';

/** Returns the name that Prometheus has for an attribute. */
export function labelOf(key: AttributeKey): string {
  return attributes[key].name.replaceAll('.', '_');
}

/** Returns the queries of a panel. */
export function queriesOf(panel: PanelDeclaration, { variables }: DashboardDeclaration): Query[] {
  const { metrics: keys, query, by } = panel;
  if (query !== undefined) {
    const expr = query.replaceAll(/%(\w+?)(_count)?(?:,(\w+)(!?=)(\w*))?%/g, (_, key: string, part = '', label: string, op: string, value: string) => {
      if (!(key in metrics)) throw new RangeError(`the query ${query} has no metric: ${key}`);
      const extra = label === undefined ? [] : [`${labelOf(label as AttributeKey)}${op}"${value}"`];
      return series(key as MetricKey, variables, { part: String(part), extra });
    }); // prettier-ignore
    return [{ expr, legend: legendOf(by ?? keys.flatMap((key) => attributesOf(key))) }];
  }
  return keys.flatMap((key) => queriesOfMetric(key, variables, by ?? attributesOf(key)));
}

function queriesOfMetric(
  key: MetricKey,
  variables: DashboardDeclaration['variables'],
  by: readonly AttributeKey[],
): Query[] {
  const { instrument }: MetricDeclaration = metrics[key];
  const labels = by.map(labelOf);
  if (instrument === 'histogram') {
    return quantiles.map((quantile) => {
      const rate = `sum by (${['le', ...labels].join(', ')}) (rate(${series(key, variables, { part: '_bucket' })}[${rateInterval}]))`;
      return { expr: `histogram_quantile(${quantile}, ${rate})`, legend: legendOf(by, `p${100 * quantile}`) };
    });
  }
  // Of a process, or of all of them together.
  const perProcess = key.startsWith('process');
  const legend = legendOf(by, ...(perProcess || instrument === 'gauge' ? processOf(key) : []));
  if (instrument === 'gauge') return [{ expr: series(key, variables), legend }];
  const grouped = perProcess ? ['job', 'instance', ...labels] : labels;
  return [{ expr: `sum by (${grouped.join(', ')}) (rate(${series(key, variables)}[${rateInterval}]))`, legend }];
}

/** Series of a run have its id; those of processes are told apart by these. */
function processOf(key: MetricKey): string[] {
  return attributesOf(key).includes('runId') ? [] : ['{{job}} {{instance}}'];
}

function attributesOf(key: MetricKey): readonly AttributeKey[] {
  return metrics[key].attributes;
}

/** Returns the series of a metric that the viewer has chosen. */
function series(
  key: MetricKey,
  variables: DashboardDeclaration['variables'],
  { part = '', extra = [] }: { readonly part?: string; readonly extra?: readonly string[] } = {},
): string {
  const labels = new Set(['instance', ...attributesOf(key).map(labelOf)]);
  const selected = variables.filter((variable) => labels.has(chosen[variable]));
  const selectors = [...selected.map((variable) => `${chosen[variable]}=~"$${variable}"`), ...extra];
  return `${prometheusName(metrics[key])}${part}${selectors.length === 0 ? '' : `{${selectors.join(', ')}}`}`;
}

function legendOf(by: readonly AttributeKey[], ...more: readonly string[]): string {
  return [...new Set([...by.map((key) => `{{${labelOf(key)}}}`), ...more])].join(' ') || '__auto';
}
