/** How a metric is declared. */
import type { AttributeKey } from './attributes.js';

/** A declared metric. */
export interface MetricDeclaration {
  readonly name: string;
  readonly instrument: 'counter' | 'histogram' | 'gauge';
  /** In the notation of UCUM, as OpenTelemetry requires. */
  readonly unit: string;
  /** The services that report it; `all` for every one. */
  readonly by: readonly string[];
  readonly description: string;
  readonly attributes: readonly AttributeKey[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

/** Returns the name of a metric in Prometheus. */
export function prometheusName({ name, instrument }: Pick<MetricDeclaration, 'name' | 'instrument'>): string {
  return `${name.replaceAll('.', '_')}${instrument === 'counter' ? '_total' : ''}`;
}
