/** The blocks of time in which telemetry is on and off in turn. */

/** The length of a block in milliseconds. */
export const blockMs = 1000 * Number(process.env['BLOCK_SECONDS'] || 10);

/** Returns the block that a time is in. @param at milliseconds since 1970 */
export function blockOf(at: number): number {
  return Math.floor(at / blockMs);
}

/** Whether telemetry is on at a time. */
export function isOn(at: number): boolean {
  return blockOf(at) % 2 === 0;
}

/** A step. */
export interface Step {
  /** When it ended, in milliseconds since 1970. */
  readonly at: number;
  readonly seconds: number;
}

/** What a block took. */
export interface Block {
  /** Its number. */
  readonly block: number;
  /** Processor seconds of all services. */
  readonly cpuSeconds: number;
}

/** Steps and processor time with telemetry, or without. */
export interface Side {
  /** Steps that lie within one block. */
  readonly steps: number;
  readonly meanSeconds: number;
  readonly medianSeconds: number;
  /** Processor seconds of all services for a step. */
  readonly cpuSecondsPerStep: number;
}

/** Sums up the blocks of one side. A step that lies in several blocks counts by its parts for the processor time, and not for the others. */
export function sideOf(on: boolean, steps: readonly Step[], blocks: readonly Block[]): Side {
  const own = blocks.filter(({ block }) => isOn(block * blockMs) === on);
  const numbers = new Set(own.map(({ block }) => block));
  const began = ({ at, seconds }: Step): number => at - 1000 * seconds;
  const whole = steps
    .filter((step) => blockOf(began(step)) === blockOf(step.at) && numbers.has(blockOf(step.at)))
    .map(({ seconds }) => seconds)
    .sort((a, b) => a - b);
  const parts = own.reduce((sum, { block }) => {
    const [first, last] = [block * blockMs, (block + 1) * blockMs];
    const inside = (step: Step): number => Math.max(0, Math.min(step.at, last) - Math.max(began(step), first));
    return sum + steps.reduce((total, step) => total + inside(step) / (1000 * step.seconds), 0);
  }, 0);
  const cpu = own.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  return {
    steps: whole.length,
    meanSeconds: whole.reduce((sum, seconds) => sum + seconds, 0) / whole.length,
    medianSeconds: whole[Math.floor(whole.length / 2)] ?? NaN,
    cpuSecondsPerStep: cpu / parts,
  };
}
