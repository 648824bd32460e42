/** The points of a run: the metrics of each step under their declared names. */
import type { CloudEvent, EventOf } from '@gapo/events';
import type { StepReport } from '@gapo/rpc';
import { declaredMetrics } from '@gapo/tracing';
import { storedJson } from '../../state/storedJson.js';
import { measurementsOf } from '../../step/stepMeasurements.js';

/** A value at a step. */
export interface Point {
  /**
   * The metric's name, and after `/` what it is of: `gapo.kl`, `rl.environment.reward.mean/helpful`,
   * `gapo.gram.cosine/helpful/harmless`.
   */
  readonly name: string;
  /** NaN where the step's value is not finite. */
  readonly value: number;
}

/** The points of a step. */
export interface StepPoints {
  /** The step, from 1. */
  readonly step: number;
  /** When it was taken, in milliseconds since 1970: the same whenever it is asked for. */
  readonly time: number;
  /** 0; the number of resumptions for a step that was repeated from an older checkpoint with another outcome. */
  readonly attempt: number;
  /** With the attempt as the last one, under {@link attemptName}. */
  readonly points: readonly Point[];
}

/** The point that says which outcome of a step the others are of. With the step it identifies what was recorded. */
export const attemptName = 'gapo.step.attempt';

/** Returns what identifies a step's points at a tracker. */
export function stepKey({ step, attempt }: Pick<StepPoints, 'step' | 'attempt'>): string {
  return `${step}.${attempt}`;
}

/** Returns the points of an event; undefined for one that is no step's report. */
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
