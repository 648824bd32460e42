/** Generates the tables of docs/telemetry.md. The prose around them is written by hand. */
import { filled, table } from '@gapo/markdown';
import { attributes, type AttributeKey } from '../declared/attributes.js';
import { telemetryEvents } from '../declared/events.js';
import { metricGroups, prometheusName, type MetricDeclaration } from '../declared/metrics.js';
import { spans, type SpanDeclaration } from '../declared/spans.js';

const tables: Readonly<Record<string, () => string>> = {
  spans: () =>
    table(
      ['span', 'kind', 'by', 'what it covers', 'attributes'],
      Object.values<SpanDeclaration>(spans).map(({ name, kind, by, description, attributes: keys }) => [
        code(name),
        kind,
        by.join(', '),
        description,
        namesOf(keys),
      ]),
    ),
  'metrics.lasting': () => metricTable(Object.values(metricGroups.lasting)),
  'metrics.present': () => metricTable(Object.values(metricGroups.present)),
  'metrics.ofRuns': () => metricTable(Object.values(metricGroups.ofRuns)),
  events: () =>
    table(
      ['event', 'kind', 'by', 'what it says', 'attributes'],
      Object.values(telemetryEvents).map(({ name, kind, by, description, attributes: keys }) => [
        code(name),
        kind,
        by.join(', '),
        description,
        namesOf(keys),
      ]),
    ),
  attributes: () =>
    table(
      ['attribute', 'type', 'meaning'],
      Object.values(attributes).map(({ name, type, description }) => [code(name), type, description]),
    ),
};

/**
 * Returns a document with its tables generated from the declarations.
 *
 * @throws RangeError if it has a place for an unknown table
 */
export function withTables(text: string): string {
  return filled(text, (name) => {
    const make = tables[name];
    if (make === undefined)
      throw new RangeError(`there is no table "${name}"; there are ${Object.keys(tables).join(', ')}`);
    return make();
  });
}

/** The names of all tables. */
export const tableNames = Object.keys(tables);

function metricTable(declarations: readonly MetricDeclaration[]): string {
  return table(
    ['metric', 'in Prometheus', 'instrument', 'unit', 'by', 'what it measures', 'attributes'],
    declarations.map((metric) => [
      code(metric.name),
      code(prometheusName(metric)),
      metric.instrument,
      code(metric.unit),
      metric.by.join(', '),
      metric.description,
      namesOf(metric.attributes),
    ]),
  );
}

function namesOf(keys: readonly AttributeKey[]): string {
  return keys.map((key) => code(attributes[key].name)).join(', ') || '-';
}

function code(text: string): string {
  return `\`${text}\``;
}
