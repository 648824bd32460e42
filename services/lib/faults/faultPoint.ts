/** The points themselves: what the code calls, and what tests and GAPO_FAULTS decide there. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultPointName } from './points.js';
import { parseFaults, systemError, type Fault, type FaultRule } from './rules.js';

/** Sees each hit of a point, before its faults. An error that it throws is thrown at the point. */
export type FaultObserver = (point: FaultPointName, detail: string) => void;

interface Active {
  readonly rule: FaultRule;
  hits: number;
}

let active: readonly Active[] = [];
let observers: readonly FaultObserver[] = [];
/** The only thing that a point reads in production. */
let watched = false;

function watch(): void {
  watched = active.length > 0 || observers.length > 0;
}

/** Whether any fault or observer is active: only then is a line that is appended written in two halves. */
export function faultsActive(): boolean {
  return watched;
}

/**
 * A point of synchronous code. Does nothing unless GAPO_FAULTS names it; a delay then blocks the process, as a slow disk does.
 *
 * @param detail what is worked on, such as a path, by which a rule can select hits
 * @throws the system error of a fault
 */
export function faultPoint(point: FaultPointName, detail: string): void {
  if (!watched) return;
  for (const fault of faultsAt(point, detail)) {
    if (fault.kind === 'delay') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fault.ms);
    else strike(fault, point, detail);
  }
}

/**
 * A point of asynchronous code. Returns undefined unless GAPO_FAULTS names it; the result can be awaited either way.
 *
 * @param detail as for {@link faultPoint}
 * @throws the system error of a fault
 */
export function faultPointAsync(point: FaultPointName, detail: string): Promise<void> | undefined {
  return watched ? strikeAsync(point, detail) : undefined;
}

async function strikeAsync(point: FaultPointName, detail: string): Promise<void> {
  for (const fault of faultsAt(point, detail)) {
    if (fault.kind === 'delay') await delay(fault.ms);
    else strike(fault, point, detail);
  }
}

function strike(fault: Exclude<Fault, { kind: 'delay' }>, point: FaultPointName, detail: string): void {
  switch (fault.kind) {
    case 'error':
      throw systemError(fault.code, point, detail);
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      return;
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      // Nothing after the point may run while the signal is on its way.
      for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
}

function faultsAt(point: FaultPointName, detail: string): Fault[] {
  for (const observe of observers) observe(point, detail);
  return active.flatMap((each) => {
    const { rule } = each;
    if (rule.point !== point || !detail.includes(rule.text)) return [];
    each.hits++;
    return each.hits >= rule.first && each.hits <= rule.last ? [rule.fault] : [];
  });
}

/**
 * Activates the faults of a text in this process, in place of those that were active. Hits count from here.
 *
 * @param text the value of GAPO_FAULTS; empty: none
 * @throws FaultSyntaxError if it is not valid
 */
export function injectFaults(text: string): readonly FaultRule[] {
  const rules = parseFaults(text);
  active = rules.map((rule) => ({ rule, hits: 0 }));
  watch();
  return rules;
}

/** Calls an observer at each hit, until the returned function is called. For tests. */
export function observeFaultPoints(observe: FaultObserver): () => void {
  observers = [...observers, observe];
  watch();
  return () => {
    observers = observers.filter((each) => each !== observe);
    watch();
  };
}
