/**
 * Loaded into services by make overhead: turns traces, metrics and logs, or the trackers, off and on by the clock, in blocks of equal length,
 * in all processes at once. Steps within a block are with them, or without.
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

/** The coordinator's class that brings events to trackers. */
interface Deliveries {
  prototype: { follow: (this: unknown, run: { eventsAfter(number: number): AsyncIterable<unknown> }) => () => void };
}

/**
 * Keeps the coordinator from waking its trackers, and trackers from reading events, while they are off. What happens meanwhile is recorded when
 * they are on: their work for every step is in the blocks that count as with them, so that the ratio is no less than what they cost.
 */
async function switchTrackers(): Promise<void> {
  // The class itself, which no package exports: the process has this module from the same file.
  const file = new URL('../../../services/coordinator/dist/tracking/delivery.js', import.meta.url).href;
  const { Delivery } = (await import(file)) as { Delivery: Deliveries };
  const { follow } = Delivery.prototype;
  Delivery.prototype.follow = function (run) {
    async function* eventsAfter(number: number): AsyncGenerator {
      if (isOn(Date.now())) yield* run.eventsAfter(number);
    }
    const wake = follow.call(this, { ...run, eventsAfter });
    return () => {
      if (isOn(Date.now())) wake();
    };
  };
}

if (process.env['ROUND'] !== 'trackers') setTimeout(apply, 0).unref();
else if (process.argv[1]?.includes('services/coordinator/') === true) await switchTrackers();
