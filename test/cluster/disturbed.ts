/** Trains while faults strike, compares every run with an undisturbed one, and reports the cost of each fault. */
import { at, median } from '@gapo/numeric';
import { say } from '../processes/program.js';
import { tableOf } from '../processes/table.js';
import { faultsOf, type Fault } from './faults.js';
import { Following } from './following.js';
import { startRun, stepEnds, succeeded, trainHere } from './training.js';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

interface Struck {
  readonly fault: string;
  /** From the deletion or the command until all is ready and a step has ended, in milliseconds since 1970. */
  readonly began: number;
  readonly over: number;
}

interface Trained {
  readonly id: string;
  /** Seconds of each step from the second, from the end of the one before, with its end in milliseconds since 1970. */
  readonly steps: readonly { readonly seconds: number; readonly end: number }[];
}

function timesOf(namespace: string, id: string): Trained {
  const ends = stepEnds(namespace, id);
  return { id, steps: ends.slice(1).map((end, i) => ({ seconds: (end - at(ends, i)) / 1000, end })) };
}

/** Runs of the example in the cluster. */
interface Runs {
  readonly namespace: string;
  readonly steps: number;
  /** Seconds of an undisturbed step. */
  readonly stepSeconds: number;
}

/**
 * Injects faults into a run, from the front of the list, as long as there is time for them, and removes them from the list. A fault that
 * the run did not outlast stays.
 *
 * @returns whether the run outlasted every fault that struck it
 */
async function strike(
  { namespace, steps, stepSeconds }: Runs,
  run: Following,
  faults: Fault[],
  struck: Struck[],
): Promise<boolean> {
  await run.steps(1);
  for (let fault = faults[0], first = true; fault !== undefined; fault = faults[0], first = false) {
    if ((steps - run.step) * stepSeconds < fault.seconds && !first) break;
    say(`           step ${run.step}: ${fault.name}`);
    const began = Date.now();
    await fault.strike(namespace, run);
    if (run.isOver) return false;
    await run.steps(1);
    faults.shift();
    struck.push({ fault: fault.name, began, over: Date.now() });
  }
  return true;
}

/** One and a half times the longest fault, because it waits for pods and names. */
const margin = 1.5;

/**
 * Trains with every fault in turn, in as many runs as needed. Each run is long enough for the longest fault.
 *
 * @param wanted parts of their names, or `all`
 * @param undisturbed the run before them
 * @throws Error for the first run that does not end in the same bytes on its own
 */
export async function trainDisturbed(
  wanted: string,
  undisturbed: string,
  { namespace, expected: before }: { readonly namespace: string; readonly expected: string },
): Promise<void> {
  const seconds = timesOf(namespace, undisturbed).steps.map((step) => step.seconds);
  const stepSeconds = median(seconds);
  say(
    `           undisturbed: ${stepSeconds.toFixed(1)} s a step (median), the slowest ${Math.max(...seconds).toFixed(1)} s`,
  );
  const faults = faultsOf(wanted);
  const longest = Math.max(...faults.map((fault) => fault.seconds));
  let steps = Math.max(seconds.length + 1, Math.ceil((margin * longest) / stepSeconds) + 2);
  let expected = steps === seconds.length + 1 ? before : trainHere({ steps });
  const struck: Struck[] = [];
  const trained: Trained[] = [];
  for (let number = 1; faults.length > 0; number += 1) {
    const id = `disturbed-${number}`;
    startRun(namespace, id, { steps });
    const run = new Following(namespace, id);
    const strikes: Struck[] = [];
    const [, outlasted] = await Promise.all([
      run.ended,
      strike({ namespace, steps, stepSeconds }, run, faults, strikes),
    ]);
    const found = succeeded(namespace, id);
    if (found !== expected) throw new Error(`the adapter of ${id} is ${found}, and that of this machine ${expected}`);
    say(`           ${id}: ${steps} steps, the same adapter`);
    trained.push(timesOf(namespace, id));
    struck.push(...strikes);
    say(costTable(struck, trained, stepSeconds));
    if (outlasted) continue;
    steps *= 2;
    say(`           the run was over before the last fault was: it strikes one of ${steps} steps`);
    expected = trainHere({ steps });
  }
}

/** Returns a table with the cost of each kind of fault: the seconds by which steps during it exceeded the median. */
function costTable(struck: readonly Struck[], runs: readonly Trained[], medianSeconds: number): string {
  const rows = new Map<string, { lost: number; slowest: number }[]>();
  const all = runs.flatMap(({ steps }) => steps);
  for (const one of struck) {
    // A step counts for the last fault that struck before its end.
    const during = all
      .filter(({ end }) => struck.findLast(({ began }) => began < end) === one)
      .filter(({ seconds, end }) => end - seconds * 1000 < one.over)
      .map(({ seconds }) => seconds);
    const lost = sum(during.map((seconds) => Math.max(seconds - medianSeconds, 0)));
    rows.set(one.fault, [...(rows.get(one.fault) ?? []), { lost, slowest: Math.max(0, ...during) }]);
  }
  const cells = [...rows].map(([fault, costs]) => {
    const lost = costs.map((cost) => cost.lost);
    const figures = [sum(lost) / lost.length, Math.max(...lost), Math.max(...costs.map(({ slowest }) => slowest))];
    return [fault, String(lost.length), ...figures.map((value) => value.toFixed(1))];
  });
  const table = tableOf([['fault', 'times', 'mean s', 'most s', 'slowest'], ...cells]);
  return `${table}\n(seconds lost, and the slowest step; ${medianSeconds.toFixed(1)} s undisturbed)`;
}
