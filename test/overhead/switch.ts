/**
 * Loaded into services by make overhead: turns traces, metrics and logs off and on by the clock, in blocks of equal length, in all processes at
 * once. Steps within a block are with telemetry, or without.
 */
import { trace, type Tracer } from '@opentelemetry/api';
import { blockMs, isOn } from './blocks.js';

/** What the telemetry of a process keeps on its global object. */
const held = globalThis as unknown as Record<symbol, unknown>;
const [measuring, logs] = [Symbol.for('gapo.telemetry.measuring'), Symbol.for('gapo.telemetry.logs')];

interface Sampler {
  shouldSample(...args: unknown[]): { decision: number };
}

/** Makes the sampler refuse what begins while telemetry is off. Undefined until the SDK has started. */
function samplerOf(): Sampler | undefined {
  const provider = trace.getTracerProvider() as { getDelegate?(): { getTracer(name: string): Tracer } };
  return (provider.getDelegate?.().getTracer('gapo') as unknown as { _sampler?: Sampler })._sampler;
}

let patched: Sampler | undefined;
let meter: unknown;

function apply(): void {
  const on = isOn(Date.now());
  const sampler = samplerOf();
  if (sampler !== undefined && patched === undefined) {
    patched = sampler;
    const decide = sampler.shouldSample.bind(sampler);
    sampler.shouldSample = (...args) => (isOn(Date.now()) ? decide(...args) : { decision: 0 });
  }
  const state = held[measuring] as { meter: unknown } | undefined;
  if (state !== undefined) {
    meter ??= state.meter;
    state.meter = on ? meter : undefined;
  }
  if (patched !== undefined) held[logs] = on;
  setTimeout(apply, blockMs - (Date.now() % blockMs)).unref();
}

setTimeout(apply, 0).unref();
