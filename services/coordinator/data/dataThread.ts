/** The thread that reads data files: nothing that a file or a chat template does reaches the coordinator's event loop. */
import { type PolicyTokens, Tokenizer, type TokenizerOptions } from '@gapo/model';
import { type Outcome, outcome, transferring } from '@gapo/service';
import { type DataConfig, type PackedRunData, readRunData } from './runData.js';

/** What to read. */
export interface ReadRequest {
  readonly config: DataConfig;
  readonly baseDirectory: string;
  /** The directory of the model, whose tokenizer encodes the data. */
  readonly model: string;
  /** How the tokenizer's files are read. */
  readonly tokenizer: TokenizerOptions;
  readonly policy: PolicyTokens;
  /** Receives the number of rows read so far: one element of shared memory. */
  readonly rows: Int32Array;
}

/** Reads the data of a run. */
export async function read({
  config,
  baseDirectory,
  model,
  tokenizer: options,
  policy,
  rows,
}: ReadRequest): Promise<Outcome<PackedRunData>> {
  const result = await outcome(async () => {
    const tokenizer = await Tokenizer.read(model, options);
    return readRunData(config, baseDirectory, tokenizer, policy, (count) => void Atomics.store(rows, 0, count));
  });
  if (!('value' in result)) return result;
  const packed = Object.values(result.value.records);
  return transferring(
    result,
    packed.flatMap(({ ids, idEnds, json, jsonEnds }) => [ids.buffer, idEnds.buffer, json.buffer, jsonEnds.buffer]),
  );
}
