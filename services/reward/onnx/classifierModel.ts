/** A classifier's session with its inputs and output: maps tokens to logits. */
import type { Session, TensorInfo } from '@gapo/graph';
import { ModelError } from '@gapo/model';
import { required } from '@gapo/numeric';
import { messageOf } from '@gapo/rpc';
import type { Feeds } from './feeds.js';
import { checkedInputs, namedTensors } from './inputs.js';
import { type Logits, logitsIn } from './logits.js';
import type { FixedDims } from './runShape.js';

/** The usual name of the output. */
const outputName = 'logits';

export class ClassifierModel {
  /** The model's file. */
  readonly path: string;
  /** The fixed sizes of its inputs. */
  readonly fixed: FixedDims;
  readonly #session: Session;
  readonly #output: string;

  /**
   * @param output the option `output`
   * @throws ModelError if the inputs or outputs are not a classifier's
   */
  constructor(path: string, session: Session, output: string | undefined) {
    this.path = path;
    this.fixed = checkedInputs(path, session.inputs);
    this.#session = session;
    this.#output = chosenOutput(path, session.outputs, output);
  }

  /** @throws Error of the runtime; ModelError if the output is not logits */
  async logits(feeds: Feeds): Promise<Logits> {
    const outputs = await this.#session.run(namedTensors(feeds, this.#session.inputs), [this.#output]);
    return logitsIn(this.path, this.#output, required(outputs[this.#output], 'the output'), feeds.rows);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

/**
 * Returns the named output, otherwise `logits`, otherwise the only one.
 *
 * @throws ModelError if there is none with that name
 */
function chosenOutput(path: string, outputs: readonly TensorInfo[], named: string | undefined): string {
  const names = outputs.map(({ name }) => name);
  const chosen = named ?? (names.includes(outputName) || names.length > 1 ? outputName : (names[0] ?? outputName));
  if (names.includes(chosen)) return chosen;
  const remedy = named === undefined ? '; name the one with the logits as output in reward.yaml' : '';
  throw new ModelError(path, `has the outputs ${names.join(', ')}, but no ${chosen}${remedy}`);
}

/** Returns an error's message on one line. */
export function oneLine(error: unknown): string {
  return messageOf(error).replaceAll(/\s+/g, ' ').trim();
}
