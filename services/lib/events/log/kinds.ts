/** How long events of each kind stay in a log. */
import type { EventKind } from '../cloudEvent.js';

/**
 * Kinds that describe a part of a step. The step's report sums them up, so they are kept only for a
 * while.
 */
export const partKinds = ['rollout', 'reward', 'gradient'] as const satisfies readonly EventKind[];

/** Kinds that are kept as long as the run exists. */
export const lastingKinds = [
  'state',
  'step',
  'checkpoint',
  'preference',
  'objective',
] as const satisfies readonly EventKind[];

/** Whether events of a kind describe a part of a step. */
export function isPart(kind: string | undefined): boolean {
  return partKinds.some((each) => each === kind);
}
