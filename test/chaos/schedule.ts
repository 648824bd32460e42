/** Which faults strike where and when: a function of the seed only. */
import type { FaultPointName } from '@gapo/faults';
import { at, deriveSeed, permutation, uniform } from '@gapo/numeric';

/** Kinds of faults, in the order of the table. */
export const faultKinds = {
  kill: 'kill -9',
  stop: 'SIGSTOP, SIGCONT some seconds later',
  cut: 'all connections of a link broken',
  silence: 'a link that carries nothing for some seconds',
  restart: 'SIGTERM',
  wipe: 'kill -9, and the store removed',
  point: 'coordinator killed at a named point',
  slow: 'coordinator restarted on a slow disk',
  clock: 'coordinator restarted with another clock',
  full: 'disk of DATA_DIR full for some seconds',
} as const;

/** The name of a kind. */
export type FaultKind = keyof typeof faultKinds;

/** A fault of the schedule. */
export interface PlannedFault {
  readonly number: number;
  readonly kind: FaultKind;
  /** The service or link that it strikes. */
  readonly target: string;
  /** It strikes in this step. */
  readonly step: number;
  /** In this phase of the step, or later. */
  readonly phase: string;
  /** Its duration, if it has one. */
  readonly seconds: number;
  /** The point at which the coordinator kills itself. */
  readonly point?: FaultPointName;
  /** Which hit of the point, counted from the restart. */
  readonly hit?: number;
}

/** Possible targets of faults. */
export interface Targets {
  /** Such as coordinator, rollout-1, nats. */
  readonly services: readonly string[];
  /** TCP links between services, by the service that they lead to. */
  readonly links: readonly string[];
  /** Named points that the coordinator reaches. */
  readonly points: readonly FaultPointName[];
  /** Whether the disk can be filled. */
  readonly disk: boolean;
}

const phases = ['sampling', 'rewards', 'gradients', 'combination', 'checkpoint'];
const [shortestSeconds, longestSeconds] = [2, 12];
const mostHits = 4;
/** Points strike within this share of the steps: a later hit may be several steps away. */
const pointedShare = 0.85;

/**
 * Returns the schedule. The first faults, as many as there are named points or a third of all, each kill the coordinator at a
 * point. The others are drawn in rounds in which each kind strikes each of its targets. All are spread evenly over the steps
 * except the first and the last.
 */
export function scheduleOf(seed: number, count: number, steps: number, targets: Targets): PlannedFault[] {
  const names = targets.points;
  const pointed = Math.min(names.length, Math.floor(count / 3));
  const pointOrder = permutation(names.length, deriveSeed(seed, 'points'));
  const others = othersOf(targets);
  const places = permutation(count, deriveSeed(seed, 'places'));
  const faults = Array.from({ length: count }, (_, number): PlannedFault => {
    const draw = (purpose: string): number => uniform(deriveSeed(seed, purpose), number);
    const place = (at(places, number) / count) * (number < pointed ? pointedShare : 1);
    const common = {
      number,
      step: Math.min(2 + Math.floor(place * (steps - 2)), steps - 1),
      phase: chosen(phases, draw('phase')),
      seconds: shortestSeconds + (longestSeconds - shortestSeconds) * draw('seconds'),
    };
    if (number < pointed) {
      const point = at(names, at(pointOrder, number));
      return { ...common, kind: 'point', target: 'coordinator', point, hit: 1 + Math.floor(mostHits * draw('hit')) };
    }
    const drawn = number - pointed;
    const round = permutation(others.length, deriveSeed(seed, 'others'), Math.floor(drawn / others.length));
    return { ...common, ...at(others, at(round, drawn % others.length)) };
  });
  return faults.sort((a, b) => a.step - b.step || phases.indexOf(a.phase) - phases.indexOf(b.phase));
}

/** Whether a phase comes after another within a step. */
export function isReached(phase: string, wanted: string): boolean {
  return phases.indexOf(phase) >= phases.indexOf(wanted);
}

/** Returns a round of the faults that are not at points: each on each of its targets, with two kills. */
function othersOf({ services, links, disk }: Targets): Pick<PlannedFault, 'kind' | 'target'>[] {
  const each = (kind: FaultKind, targets: readonly string[]): Pick<PlannedFault, 'kind' | 'target'>[] =>
    targets.map((target) => ({ kind, target }));
  return [
    ...each('kill', [...services, ...services]),
    ...each('stop', services),
    ...each('cut', links),
    ...each('silence', links),
    ...each(
      'restart',
      services.filter((name) => name !== 'coordinator'),
    ),
    ...each('wipe', ['nats']),
    ...each('slow', ['coordinator']),
    ...each('clock', ['coordinator']),
    ...each('full', disk ? ['disk'] : []),
  ];
}

function chosen<T>(values: readonly T[], draw: number): T {
  return at(values, Math.floor(draw * values.length));
}
