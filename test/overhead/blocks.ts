/** The time blocks in which telemetry is alternately on and off. */

/** The length of a block in milliseconds. */
export const blockMs = 1000 * Number(process.env['BLOCK_SECONDS'] || 10);

/** Returns the block that contains a time. @param at milliseconds since 1970 */
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

/** The cost of a block. */
export interface Block {
  /** Its number. */
  readonly block: number;
  /** CPU seconds of all services. */
  readonly cpuSeconds: number;
}

/** Steps and CPU time with or without telemetry. */
export interface Side {
  /** Steps that lie within a single block. */
  readonly steps: number;
  readonly meanSeconds: number;
  readonly medianSeconds: number;
  /** CPU seconds of all services per step. */
  readonly cpuSecondsPerStep: number;
}

/**
 * Sums up the blocks of one side. A step that spans several blocks counts proportionally for CPU time, and not at all for the other figures.
 */
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
