/** Log-probabilities and entropies of next-token distributions, with their gradients at the logits. */
import { type InputGradient, type Value, graphOf, record } from './graph.js';
import { emitBinary, emitReduce, emitReshape, emitUnary } from './nodes.js';

/** Statistics of the next-token distributions softmax(logits). */
export interface TokenStatistics {
  /** ln p(target), [N]. */
  readonly logprobs: Value;
  /** −Σ p ln p in nats, [N]. Its nodes are emitted on first access. */
  readonly entropy: Value;
}

/**
 * The log-probability of each target and the entropy of each distribution. logits [N, V], targets int64 [N].
 * With p = softmax(logits) and entropy H: d ln p(target) = onehot − p, dH = −p · (ln p + H).
 */
export function tokenStatistics(logits: Value, targets: Value): TokenStatistics {
  const g = graphOf(logits, targets);
  const rows = targets.dims;
  const axis = { kind: 'int', value: -1 } as const;
  const logp = g.emit('LogSoftmax', [logits], { dtype: g.float, dims: logits.dims }, { axis }); // [N, V]
  let exponential: Value | undefined;
  const p = (): Value => (exponential ??= emitUnary('Exp', logp)); // [N, V]
  const column = (x: Value): Value => emitReshape(x, [-1, 1], [...rows, 1]);
  const flat = (x: Value): Value => emitReshape(x, [-1], rows);
  const gradient = (output: Value, atLogits: (d: Value) => Value): Value => {
    const backward = ([d]: readonly (Value | undefined)[]): InputGradient[] =>
      d === undefined ? [] : [() => atLogits(column(d))];
    record({ inputs: [logits], outputs: [output], backward });
    return output;
  };

  const index = g.emit('Unsqueeze', [targets, g.integers([-1])], { dtype: 'int64', dims: [...rows, 1] });
  const picked = g.emit('GatherElements', [logp, index], { dtype: g.float, dims: [...rows, 1] }, { axis });
  const logprobs = gradient(flat(picked), (d) => {
    const reduction = { kind: 'string', value: 'add' } as const;
    const spread = emitBinary('Mul', p(), emitUnary('Neg', d)); // −p · d
    return g.emit('ScatterElements', [spread, index, d], { dtype: g.float, dims: logits.dims }, { axis, reduction });
  });

  let entropy: Value | undefined;
  const makeEntropy = (): Value => {
    const plogp = emitReduce('ReduceSum', emitBinary('Mul', p(), logp), -1); // [N, 1] = −H
    return gradient(flat(emitUnary('Neg', plogp)), (d) =>
      emitBinary('Mul', emitBinary('Mul', p(), emitBinary('Sub', plogp, logp)), d),
    );
  };
  return {
    logprobs,
    get entropy() {
      return (entropy ??= makeEntropy());
    },
  };
}
