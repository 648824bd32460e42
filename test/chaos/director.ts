/** Injects the faults of a schedule when the run reaches their points. */
import { setTimeout as delay } from 'node:timers/promises';
import { at, required } from '@gapo/numeric';
import type { Supervised } from '../processes/supervised.js';
import { shiftedClock, wipe, type ChaosPlatform } from './platform.js';
import { isReached, type PlannedFault } from './schedule.js';

/** A fault that has struck. */
export interface Struck {
  readonly fault: PlannedFault;
  /** By performance.now(). */
  readonly at: number;
  /** Steps that had ended before it. */
  readonly after: number;
}

/**
 * Maximum number of coordinator deaths within two steps. A run that was active during more consecutive deaths within one step is
 * considered their cause and left to a user. Two steps, because a step may have ended on disk before it is seen here.
 */
const mostDeaths = 3;
const slowWrites = 12;
const slowMs = 400;
const clockDays = 1;

/** Injects faults. */
export class Director {
  readonly struck: Struck[] = [];
  /** Faults whose point was reached. */
  readonly reached: PlannedFault[] = [];
  readonly #platform: ChaosPlatform;
  readonly #say: (text: string) => void;
  readonly #queue: PlannedFault[];
  readonly #lasting = new Set<Promise<void>>();
  #finished = 0;
  #deaths = 0;
  /** Those of the previous step. */
  #earlierDeaths = 0;
  /** Kills of the coordinator by this process whose effect has not been seen yet. */
  #kills = 0;
  #pending: PlannedFault | undefined;
  #full = false;

  constructor(schedule: readonly PlannedFault[], platform: ChaosPlatform, say: (text: string) => void) {
    this.#queue = [...schedule];
    this.#platform = platform;
    this.#say = say;
  }

  /** Faults that have not struck yet. */
  get left(): readonly PlannedFault[] {
    return this.#queue;
  }

  /** Records that a process has ended. */
  ended(service: string, how: string): void {
    if (service !== 'coordinator') return;
    this.#deaths += 1;
    if (this.#kills > 0) this.#kills -= 1;
    else if (this.#pending !== undefined && how === 'SIGKILL') {
      this.#say(`  the coordinator has ended at ${this.#pending.point}`);
      this.reached.push(this.#pending);
      this.#pending = undefined;
    } else {
      // For example at start-up on a full disk.
      this.#say(`  the coordinator has ended by itself: ${how}`);
      if (this.#pending !== undefined) this.#coordinator.prepare(faultsAt(this.#pending));
    }
  }

  /** Records that a step has ended. */
  stepEnded(step: number): void {
    this.#finished = step;
    this.#earlierDeaths = this.#deaths;
    this.#deaths = 0;
  }

  /** Injects the faults due in a phase of a step. */
  reach(step: number, phase: string): void {
    for (;;) {
      const [fault] = this.#queue;
      if (fault === undefined) return;
      if (fault.step > step || (fault.step === step && !isReached(phase, fault.phase))) return;
      if (this.#isHeld(fault)) return;
      this.#queue.shift();
      this.struck.push({ fault, at: performance.now(), after: this.#finished });
      this.#say(`  ${step} ${phase}: ${nameOf(fault)}`);
      this.#strike(fault);
    }
  }

  /** Resolves when no fault is in effect any longer. */
  async over(): Promise<void> {
    await Promise.all(this.#lasting);
  }

  #isHeld({ kind, target }: PlannedFault): boolean {
    if (kind === 'full') return this.#full;
    if (target !== 'coordinator' || !['kill', 'point', 'slow', 'clock'].includes(kind)) return false;
    const deaths = kind === 'point' ? 2 : 1;
    return this.#pending !== undefined || this.#earlierDeaths + this.#deaths + this.#kills + deaths > mostDeaths;
  }

  #strike(fault: PlannedFault): void {
    const { kind, target, seconds } = fault;
    const platform = this.#platform;
    const service = () => required(platform.services.get(target), target);
    const link = () => required(platform.links.get(target), target);
    switch (kind) {
      case 'kill':
        if (target === 'coordinator') this.#killCoordinator({});
        else service().kill();
        return;
      case 'restart':
        service().signal('SIGTERM');
        return;
      case 'wipe':
        service().kill({}, () => wipe(platform.natsStore));
        return;
      case 'stop':
        return this.#last(seconds, service().signal('SIGSTOP'), (signal) => signal('SIGCONT'));
      case 'cut':
        link().cut();
        return;
      case 'silence':
        link().silence(true);
        return this.#last(seconds, link(), (silent) => silent.silence(false));
      case 'full': {
        const disk = required(platform.disk, 'the small disk');
        disk.fill();
        this.#full = true;
        return this.#last(seconds, disk, (filled) => {
          filled.free();
          this.#full = false;
        });
      }
      case 'point':
        this.#pending = fault;
        return this.#killCoordinator(faultsAt(fault));
      case 'slow': {
        const points = ['file.sync', 'file.syncAppend', 'file.syncFolder'];
        const rules = Array.from({ length: slowWrites }, (_, i) => `${at(points, i % points.length)}=delay:${slowMs}@${1 + Math.floor(i / points.length)}`); // prettier-ignore
        return this.#killCoordinator({ GAPO_FAULTS: rules.join(';') });
      }
      case 'clock': {
        const shift = Math.round((fault.seconds < 7 ? -1 : 1) * clockDays * 86_400);
        return this.#killCoordinator({ NODE_OPTIONS: `--import=${shiftedClock}`, CHAOS_CLOCK_SECONDS: String(shift) });
      }
    }
  }

  #killCoordinator(env: Readonly<Record<string, string>>): void {
    if (this.#coordinator.kill(env)) this.#kills += 1;
  }

  get #coordinator(): Supervised {
    return required(this.#platform.services.get('coordinator'), 'coordinator');
  }

  #last<T>(seconds: number, thing: T, end: (thing: T) => void): void {
    const lasting = delay(1000 * seconds).then(() => end(thing));
    this.#lasting.add(lasting);
    void lasting.then(() => this.#lasting.delete(lasting));
  }
}

/** Returns the environment that makes a process kill itself at a fault's point. */
function faultsAt({ point, hit }: PlannedFault): Readonly<Record<string, string>> {
  return { GAPO_FAULTS: `${point}=kill@${hit}` };
}

/** Formats a fault for people. */
export function nameOf({ kind, target, point, hit, seconds }: PlannedFault): string {
  const lasts = ['stop', 'silence', 'full'].includes(kind) ? ` for ${seconds.toFixed(1)} s` : '';
  return `${kind} ${target}${point === undefined ? '' : ` at ${point}, hit ${hit}`}${lasts}`;
}
