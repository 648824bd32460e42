/** Reverse-mode differentiation: walks a graph's tape backward and adds the nodes of the gradients to the graph. */
import type { Checkpoint, InputGradient, Operation, RowWeights, Sharing, TapeEntry, Value } from './graph.js';
import { emitBinary, emitStack } from './nodes.js';

/** A value and the gradient with which the backward pass starts there, of the same shape. */
export type Seed = readonly [value: Value, gradient: Value];

/**
 * Computes the gradients of Σ ⟨value, gradient⟩ over the seeds with respect to parameters.
 *
 * Without `weights`, each parameter has one gradient of its own shape. With them (see RowWeights), one backward pass yields
 * K gradients, [K, ...shape]: the k-th is for seeds whose rows are multiplied by weights[:, k]. Parameters on which no seed
 * depends are absent from the result.
 *
 * @throws Error without seeds, and for an operator that has no gradient
 *
 * @example
 * The slope of Σ x² at (1, 2, 3), computed by onnxruntime:
 *
 * ```ts
 * import { Graph, Session, gradients, mul } from '@gapo/graph';
 *
 * const graph = new Graph('squares');
 * const x = graph.floatInput('x', [3]);
 * const y = mul(x, x);
 * const slope = gradients([[y, graph.constant([1, 1, 1])]], [x]).get(x);
 * if (slope === undefined) throw new Error('y does not depend on x');
 * graph.output('dx', slope);
 *
 * const session = await Session.open(graph.toModel(), { threads: 1 });
 * const { dx } = await session.run({ x: { data: Float32Array.of(1, 2, 3), dims: [3] } });
 * console.log(dx?.data); // Float32Array(3) [ 2, 4, 6 ]
 * ```
 */
export function gradients(
  seeds: readonly Seed[],
  parameters: readonly Value[],
  weights?: RowWeights,
): ReadonlyMap<Value, Value> {
  const first = seeds[0];
  if (first === undefined) throw new Error('gradients needs at least one seed');
  const pass = new BackwardPass([...first[0].graph.tape], parameters, weights);
  return pass.run(seeds);
}

/** One backward pass over a tape. */
class BackwardPass {
  readonly #tape: readonly TapeEntry[];
  readonly #parameters: readonly Value[];
  readonly #weights: RowWeights | undefined;
  readonly #wanted: ReadonlySet<Value>;
  /** Values that depend on some parameter. */
  readonly #dependent: Set<Value>;
  readonly #produced: ReadonlySet<Value>;
  readonly #found = new Map<Value, Reached>();
  /**
   * Leaf gradients are emitted last, those of the first layers before those of the last. The runtime schedules nodes from
   * the graph's outputs backward, so it computes the last layers' leaf gradients as soon as it can and frees what they read
   * before it continues with the layers below.
   */
  readonly #leaves: (() => void)[] = [];

  constructor(tape: readonly TapeEntry[], parameters: readonly Value[], weights: RowWeights | undefined) {
    this.#tape = tape;
    this.#parameters = parameters;
    this.#weights = weights;
    this.#wanted = new Set(parameters);
    this.#dependent = new Set(parameters);
    this.#produced = new Set(tape.flatMap(({ outputs }) => outputs));
    addDependents(tape, this.#dependent);
  }

  run(seeds: readonly Seed[]): ReadonlyMap<Value, Value> {
    for (const [value, gradient] of seeds)
      if (this.#dependent.has(value)) this.#accumulate(value, { gradients: [gradient], weighted: false });
    this.#walk(this.#tape);
    for (const leaf of this.#leaves.reverse()) leaf();
    return new Map(
      this.#parameters.flatMap((parameter) => {
        const reached = this.#found.get(parameter);
        return reached === undefined ? [] : [[parameter, reached.gradients[0] as Value] as const];
      }),
    );
  }

  #walk(entries: readonly TapeEntry[]): void {
    for (const entry of [...entries].reverse()) {
      const reached = entry.outputs.map((output) => this.#found.get(output));
      const first = reached.find((each) => each !== undefined);
      if (first === undefined) continue;
      if ('replay' in entry) this.#replay(entry, reached, first);
      else if ('collect' in entry) this.#collect(entry, first);
      else this.#apply(entry, reached, first);
    }
  }

  /** Recomputes a checkpoint, walks it, and passes on the gradients of its inputs. */
  #replay(entry: Checkpoint, reached: readonly (Reached | undefined)[], first: Reached): void {
    const { tape, originals, inputs, outputs } = entry.replay(first.gradients[0] as Value);
    originals.forEach((original, index) => {
      if (this.#dependent.has(original)) this.#dependent.add(inputs[index] as Value);
    });
    addDependents(tape, this.#dependent);
    outputs.forEach((output, index) => {
      const gradient = reached[index];
      if (gradient !== undefined) this.#accumulate(output, gradient);
    });
    this.#walk(tape);
    originals.forEach((original, index) => {
      const gradient = this.#found.get(inputs[index] as Value);
      if (gradient !== undefined) this.#accumulate(original, gradient);
    });
  }

  /** Sums the gradients of the rows that share a row. Row weights are applied here. */
  #collect({ inputs: [input], collect }: Sharing, { gradients, weighted }: Reached): void {
    if (!this.#dependent.has(input)) return;
    const remaining = weighted ? undefined : this.#weights;
    this.#accumulate(input, {
      gradients: gradients.flatMap((gradient) => collect(gradient, remaining)),
      weighted: this.#weights !== undefined,
    });
  }

  /** Applies an operation's rules, once for each gradient that reached its outputs. */
  #apply(entry: Operation, reached: readonly (Reached | undefined)[], { gradients, weighted }: Reached): void {
    const rules = gradients.map((_, k) => entry.backward(reached.map((each) => each?.gradients[k])));
    entry.inputs.forEach((input, index) => {
      const own = rules.flatMap((each) => each[index] ?? []);
      if (own.length === 0 || !this.#dependent.has(input)) return;
      const ofParameter = (): void => {
        const stacked = weighted ? emitStack(own.map((rule) => rule())) : (own[0] as InputGradient)(this.#weights);
        this.#accumulate(input, { gradients: [stacked], weighted: this.#weights !== undefined });
      };
      if (!this.#wanted.has(input)) this.#accumulate(input, { gradients: own.map((rule) => rule()), weighted });
      else if (this.#produced.has(input)) ofParameter();
      else this.#leaves.push(ofParameter);
    });
  }

  #accumulate(value: Value, reached: Reached): void {
    const before = this.#found.get(value);
    this.#found.set(value, before === undefined ? reached : sum(value, before, reached));
  }
}

/**
 * The gradient of a value. If the value's rows are shared by sequences with different weights (see Sharing), the weights
 * are already applied, and there is one gradient per column of the weights; otherwise they are applied at the parameters.
 */
interface Reached {
  readonly gradients: readonly Value[];
  readonly weighted: boolean;
}

function sum(value: Value, a: Reached, b: Reached): Reached {
  if (a.weighted !== b.weighted || a.gradients.length !== b.gradients.length)
    throw new Error(
      `'${value.name}' is read by rows that share it and by rows that do not; row weights need one of them`,
    );
  return { ...a, gradients: a.gradients.map((gradient, k) => emitBinary('Add', gradient, b.gradients[k] as Value)) };
}

/** Adds every value that depends on a value in the set. */
function addDependents(tape: readonly TapeEntry[], reached: Set<Value>): void {
  for (const entry of tape) {
    if (entry.inputs.some((input) => reached.has(input))) for (const output of entry.outputs) reached.add(output);
  }
}
