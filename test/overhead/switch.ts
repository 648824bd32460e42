/**
 * Loaded into services by make overhead: switches traces, metrics and logs, or the trackers, on and off by the clock, in blocks of equal
 * length, in all processes at the same time. Steps within a block are entirely with or without them.
 */
import { trace, type Tracer } from '@opentelemetry/api';
import { blockMs, isOn } from './blocks.js';

/** State that a process's telemetry keeps on the global object. */
const held = globalThis as unknown as Record<symbol, unknown>;
const [measuring, logs] = [Symbol.for('gapo.telemetry.measuring'), Symbol.for('gapo.telemetry.logs')];

interface Sampler {
  shouldSample(...args: unknown[]): { decision: number };
}

/** Makes the sampler reject spans that begin while telemetry is off. Undefined until the SDK has started. */
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

/** The coordinator's class that delivers events to trackers. */
interface Deliveries {
  prototype: { follow: (this: unknown, run: { eventsAfter(number: number): AsyncIterable<unknown> }) => () => void };
}

/**
 * Keeps the coordinator from waking its trackers, and trackers from reading events, while they are off. What happens in the meantime is
 * recorded when they are on, so their work for every step falls into the blocks that count as with them, and the ratio is at least their cost.
 */
async function switchTrackers(): Promise<void> {
  // The class itself, which no package exports; the process loads this module from the same file.
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
