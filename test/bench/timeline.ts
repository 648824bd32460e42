/** Breaks the wall time of a training step down by activity, from the spans of all services. */
import type { Span } from '../traces.fixture.js';

/** What the platform is doing at a moment of a step. */
export type Activity = 'sampling' | 'rewards' | 'gradients' | 'combination' | 'transfer' | 'other';

/** Spans in which a service computes, with their activity. */
const computing: Readonly<Record<string, Activity>> = {
  'gapo.rollout.generate': 'sampling',
  'gapo.reward.score': 'rewards',
  'gapo.gradient.logprobs': 'gradients',
  'gapo.gradient.compute': 'gradients',
  'gapo.step.advantages': 'combination',
  'gapo.step.combination': 'combination',
  'gapo.step.optimizer': 'combination',
};

/** The coordinator's calls. Time in a call during which no service computes is transfer. */
const call = /^grpc\.gapo\.(rollout|reward|gradient)\.v1\./;

/** If several activities overlap, the first in this order counts. */
const order: readonly Activity[] = ['sampling', 'rewards', 'gradients', 'combination', 'transfer', 'other'];

function activityOf({ service, name }: Span): Activity | undefined {
  return computing[name] ?? (service === 'gapo-coordinator' && call.test(name) ? 'transfer' : undefined);
}

/**
 * Returns the nanoseconds of each activity between the start and the end of a step. They sum to its duration.
 *
 * @param step the span of the step
 * @param spans the spans of its trace
 */
export function timeOf(step: Span, spans: readonly Span[]): Record<Activity, number> {
  const base = BigInt(step.startTimeUnixNano);
  const end = Number(BigInt(step.endTimeUnixNano) - base);
  const within = (time: string): number => Math.min(end, Math.max(0, Number(BigInt(time) - base)));
  const edges: { at: number; activity: Activity; change: 1 | -1 }[] = [];
  for (const span of spans) {
    const activity = activityOf(span);
    if (activity === undefined) continue;
    edges.push({ at: within(span.startTimeUnixNano), activity, change: 1 });
    edges.push({ at: within(span.endTimeUnixNano), activity, change: -1 });
  }
  edges.sort((a, b) => a.at - b.at);
  const open: Record<Activity, number> = {
    sampling: 0,
    rewards: 0,
    gradients: 0,
    combination: 0,
    transfer: 0,
    other: 1,
  };
  const time = { ...open, other: 0 };
  let last = 0;
  for (const { at, activity, change } of [...edges, { at: end, activity: 'other', change: -1 } as const]) {
    time[order.find((candidate) => open[candidate] > 0) ?? 'other'] += at - last;
    last = at;
    open[activity] += change;
  }
  return time;
}

/**
 * Returns the share of each activity in the steps of a run.
 *
 * @param skipped steps to skip at the start, in which graphs are built
 * @throws RangeError if the run has no further steps
 */
export function sharesOf(spans: readonly Span[], skipped: number): Record<Activity, number> {
  const steps = spans
    .filter(({ name }) => name === 'rl.loop')
    .sort((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
    .slice(skipped);
  if (steps.length === 0) throw new RangeError(`there are no steps beyond the first ${skipped}`);
  const sum: Record<Activity, number> = {
    sampling: 0,
    rewards: 0,
    gradients: 0,
    combination: 0,
    transfer: 0,
    other: 0,
  };
  for (const step of steps) {
    const own = timeOf(
      step,
      spans.filter(({ traceId }) => traceId === step.traceId),
    );
    for (const activity of order) sum[activity] += own[activity];
  }
  const total = order.reduce((all, activity) => all + sum[activity], 0);
  for (const activity of order) sum[activity] /= total;
  return sum;
}
