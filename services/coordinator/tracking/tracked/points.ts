/** The points of a run: each step's metrics under their declared names. */
import type { CloudEvent, EventOf } from '@gapo/events';
import type { StepReport } from '@gapo/rpc';
import { declaredMetrics } from '@gapo/tracing';
import { storedJson } from '../../state/storedJson.js';
import { measurementsOf } from '../../step/stepMeasurements.js';

/** A value at a step. */
export interface Point {
  /**
   * The metric's name, followed by `/` and its attributes: `gapo.kl`, `rl.environment.reward.mean/helpful`,
   * `gapo.gram.cosine/helpful/harmless`.
   */
  readonly name: string;
  /** NaN if the step's value is not finite. */
  readonly value: number;
}

/** The points of a step. */
export interface StepPoints {
  /** The step, from 1. */
  readonly step: number;
  /** When the step was taken, in milliseconds since 1970. Always the same for the same event. */
  readonly time: number;
  /**
   * The number of resumptions if the step was repeated from an older checkpoint with a different outcome, otherwise
   * 0.
   */
  readonly attempt: number;
  /** The last point is the attempt, under {@link attemptName}. */
  readonly points: readonly Point[];
}

/**
 * The point that says which outcome of a step the other points belong to. Together with the step it identifies what
 * was recorded.
 */
export const attemptName = 'gapo.step.attempt';

/** Returns the key that identifies a step's points in a tracker. */
export function stepKey({ step, attempt }: Pick<StepPoints, 'step' | 'attempt'>): string {
  return `${step}.${attempt}`;
}

/** Returns the points of an event; undefined unless the event is a step's report. */
export function pointsOf(event: CloudEvent): StepPoints | undefined {
  if (event.type !== 'gapo.v1.step') return undefined;
  const report = reportOf(event);
  const attempt = attemptOf(event);
  const points = measurementsOf(event.subject, report).flatMap(({ metric, value, attributes }) => {
    if (value === undefined) return [];
    const { runId: _, ...of } = attributes as Readonly<Record<string, string>>;
    return [{ name: [declaredMetrics[metric].name, ...Object.values(of)].join('/'), value }];
  });
  return {
    step: report.step,
    time: Date.parse(event.time),
    attempt,
    points: [...points, { name: attemptName, value: attempt }],
  };
}

/** The event's id ends in the step, or in the step and the number of resumptions. */
function attemptOf({ id }: EventOf<'step'>): number {
  return Number(/\/\d+\.(\d+)$/.exec(id)?.[1] ?? 0);
}

function reportOf({ data }: EventOf<'step'>): StepReport {
  return storedJson(JSON.stringify(data)) as StepReport;
}
