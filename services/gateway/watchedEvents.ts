/** A run's events without NATS: the coordinator's WatchRun, in the form that events on NATS have. */
import { stepJson } from '@gapo/page';
import type { RunsApi } from './runsApi.js';

/** An event as the page takes it. What cannot be resumed from has no id. */
export interface SentEvent {
  id?: string;
  type: string;
  subject: string;
  data: object;
}

const stepId = /\/step\/(\d+)$/;

/** The step that an event's id names; 0 where it names none. */
export function stepOf(id: string | undefined): number {
  return Number(stepId.exec(id ?? '')?.[1] ?? 0);
}

/**
 * The run's events after one.
 *
 * @param afterId the id of the last event that the reader has
 */
export async function* watchedEvents(
  api: RunsApi,
  runId: string,
  afterId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<SentEvent> {
  let from = '';
  for await (const { run, step, progress } of api.watch(runId, stepOf(afterId), signal)) {
    if (step) yield { id: `${runId}/step/${step.step}`, type: 'gapo.v1.step', subject: runId, data: stepJson(step) };
    if (progress) yield { type: 'gapo.v1.progress', subject: runId, data: { ...progress } };
    if (run && run.state !== from) {
      yield { type: 'gapo.v1.state', subject: runId, data: { from, to: run.state, reason: run.reason } };
      from = run.state;
    }
  }
}
