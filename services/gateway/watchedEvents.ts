/**
 * A run's events without NATS: the messages of the coordinator's WatchRun in the format of the events on
 * NATS.
 */
import { toJson, type RunEventInput } from '@gapo/rpc';
import type { Resumption } from './answered.js';
import type { Credentials, RunsApi } from './runsApi.js';

/** An event in the page's format. It has no id if a reader cannot resume after it. */
export interface SentEvent {
  id?: string;
  type: string;
  subject: string;
  data: unknown;
}

/** The id of a step, or of what happened within one, such as `run/reward/12.helpful.0`. */
const stepId = /\/(step|rollout|reward|gradient)\/(\d+)/;

/** Returns the last step that a reader definitely has; 0 if it has none. */
export function stepOf({ id = '', step = 0 }: Resumption): number {
  const [, kind, number] = stepId.exec(id) ?? [];
  if (number === undefined) return step;
  return Math.max(step, kind === 'step' ? Number(number) : Number(number) - 1);
}

/**
 * Follows a run's events.
 *
 * @param after what the reader has
 */
export async function* watchedEvents(
  api: RunsApi,
  runId: string,
  after: Resumption,
  options: { readonly signal: AbortSignal; readonly metadata: Credentials },
): AsyncGenerator<readonly SentEvent[]> {
  let from = '';
  let shown = '';
  for await (const { run, step, progress } of api.watch(runId, stepOf(after), options)) {
    if (step) yield [{ id: `${runId}/step/${step.step}`, ...sentEvent(runId, { step }) }];
    if (progress) yield [sentEvent(runId, { progress })];
    if (run && `${run.state} ${run.reason}` !== shown) {
      yield [sentEvent(runId, { state: { from, to: run.state, reason: run.reason } })];
      from = run.state;
      shown = `${run.state} ${run.reason}`;
    }
  }
}

/** @param event with one kind set */
function sentEvent(subject: string, event: RunEventInput): SentEvent {
  const [[kind, data] = []] = Object.entries(toJson('gapo.events.v1.RunEvent', event));
  return { type: `gapo.v1.${kind}`, subject, data };
}
