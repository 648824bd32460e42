/** The data of a run: the files that its configuration names, as records. */
import { resolve } from 'node:path';
import { objectiveNames, type RunConfig } from '@gapo/config';
import { type DataFile, type DataFormat, readRecords } from '@gapo/data';
import { TextCodec, type TextTokenizer, type PolicyTokens, type TokenSequence } from '@gapo/model';
import { UserError } from '@gapo/service';
import { longestConditioner } from './conditioned.js';
import { promptFormat, promptPacking, type PromptRecord } from './prompts.js';
import { type PackedRecords, PackedList, Packer, type Packing, type RecordList } from './recordList.js';
import { pairFormat, pairPacking, type PairRecord, sequencePacking, textFormat } from './texts.js';

/** The keys of `data` that name files. */
export const dataKeys = ['prompts', 'heldOut', 'pairs', 'pretraining'] as const;

/** A key of `data` that names a file. */
export type DataKey = (typeof dataKeys)[number];

/** A file that was read. */
export interface RunDataFile extends DataFile {
  readonly key: DataKey;
}

/** The data of a run. */
export interface RunData {
  /** Empty for algorithm: dpo. */
  readonly prompts: RecordList<PromptRecord>;
  /** Prompts that are never trained on; undefined if the configuration names none. */
  readonly heldOut: RecordList<PromptRecord> | undefined;
  /** Pairs of algorithm: dpo; empty for other algorithms. */
  readonly pairs: RecordList<PairRecord>;
  /** Pretraining texts of ppo.ptx; empty without it. */
  readonly texts: RecordList<TokenSequence>;
  readonly files: readonly RunDataFile[];
}

/** The data of a run as a thread sends it. */
export interface PackedRunData {
  readonly records: Readonly<Partial<Record<DataKey, PackedRecords>>>;
  readonly files: readonly RunDataFile[];
}

/** The parts of a configuration that decide how data is read. */
export type DataConfig = Pick<RunConfig, 'data'> & {
  readonly policy: Pick<RunConfig['policy'], 'condition'>;
  readonly rollout: Pick<RunConfig['rollout'], 'maxNewTokens'>;
  readonly objectives: readonly { readonly name: string }[];
};

/**
 * Reads every file, one after another, so that several mistakes always yield the same error.
 *
 * @param baseDirectory base of the configuration's relative paths
 * @param progress receives the file that is read and the number of rows read so far, from all files
 * @throws UserError listing the first invalid rows of a file
 */
export async function readRunData(
  config: DataConfig,
  baseDirectory: string,
  tokenizer: TextTokenizer,
  policy: PolicyTokens,
  progress: (file: string, rows: number) => void,
): Promise<PackedRunData> {
  const { map = {}, overlong } = config.data;
  const codec = new TextCodec(tokenizer, policy, { overlong, reserved: config.rollout.maxNewTokens });
  const records: Partial<Record<DataKey, PackedRecords>> = {};
  const files: RunDataFile[] = [];
  let before = 0;
  const read = async <Form, Item>(
    key: DataKey,
    format: DataFormat<Form, Item>,
    packing: Pick<Packing<never, Item>, 'pack'>,
    seen: (record: Item) => void = () => undefined,
  ): Promise<void> => {
    const path = config.data[key];
    if (path === undefined) return;
    const packer = new Packer(packing);
    const add = (record: Item): void => {
      packer.add(record);
      seen(record);
    };
    const options = {
      map,
      dropOverlong: overlong === 'drop',
      progress: (rows: number) => progress(path, before + rows),
    };
    progress(path, before);
    const found = await readRecords([resolve(baseDirectory, path)], format, add, options);
    for (const file of found) {
      files.push({ ...file, file: path, key });
      before += file.rows;
    }
    records[key] = packer.packed();
  };
  const conditioner = await longestConditioner(config, tokenizer);
  await read('prompts', promptFormat(codec, conditioner), promptPacking);
  await read('heldOut', promptFormat(codec, conditioner), promptPacking);
  const names = objectiveNames(config);
  const unlabelled = new Set(names.keys());
  await read('pairs', pairFormat(names, codec), pairPacking, ({ labels }) => {
    for (const k of unlabelled) if (labels[k] !== 0) unlabelled.delete(k);
  });
  const [missing] = unlabelled;
  if (records.pairs !== undefined && missing !== undefined) {
    throw new UserError(`${config.data.pairs ?? ''}: no pair has a label for ${names[missing] ?? ''}`);
  }
  await read('pretraining', textFormat(codec), sequencePacking);
  return { records, files };
}

/** Returns data as lists of records. */
export function unpackRunData({ records, files }: PackedRunData): RunData {
  const list = <T>(packed: PackedRecords | undefined, packing: Pick<Packing<T>, 'lists' | 'unpack'>): RecordList<T> =>
    packed === undefined ? emptyList : new PackedList(packed, packing);
  const { prompts, heldOut, pairs, pretraining } = records;
  return {
    prompts: list(prompts, promptPacking),
    heldOut: heldOut && new PackedList(heldOut, promptPacking),
    pairs: list(pairs, pairPacking),
    texts: list(pretraining, sequencePacking),
    files,
  };
}

const emptyList: RecordList<never> = {
  length: 0,
  get(index) {
    throw new RangeError(`there is no record ${index}`);
  },
};
