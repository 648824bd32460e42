/**
 * Checkpoints: directories that appear whole or not at all, and hold everything that a run needs to go on bit for bit.
 *
 * | file | what |
 * | --- | --- |
 * | adapter_model.safetensors, adapter_config.json | the adapter, as PEFT reads it (train: lora) |
 * | model.safetensors | every weight by its Hugging Face name (train: full) |
 * | value_heads.safetensors | the critics, where the run has any |
 * | optimizer.safetensors | AdamW's moments: exp_avg.NAME and exp_avg_sq.NAME |
 * | state.json | step, cursor, controllers, configuration, the SHA-256 of every file and of itself |
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunConfig } from '@gapo/config';
import {
  concatenated,
  encodeSafetensors,
  readSafetensors,
  sha256OfTensors,
  split,
  valueHeadNames,
  type NamedTensor,
  type TensorShape,
} from '@gapo/model';
import { checkKlController, type KlController } from '@gapo/objectives';
import type { StepReport } from '@gapo/rpc';
import { canonicalJson, configSha256, replaceDirectory, sha256Hex, z, UserError } from '@gapo/service';
import { goalChangeSchema } from './goals.js';
import { initialCombination, versionOf, type CombinationState, type TrainingState } from './trainingState.js';

/** A checkpoint on disk. */
export interface CheckpointPlace {
  readonly step: number;
  readonly directory: string;
}

/** What a checkpoint belongs to. */
export interface CheckpointOwner {
  readonly runId: string;
  readonly config: RunConfig;
  /** The trained tensors, in the order of the flat parameters. */
  readonly shapes: readonly TensorShape[];
  /** The adapter's files beside its tensors; undefined where every weight is trained. */
  readonly adapter: AdapterFiles | undefined;
}

/** What an adapter's files say of it. */
export interface AdapterFiles {
  /** adapter_config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Metadata of adapter_model.safetensors. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A checkpoint, read. */
export interface CheckpointContent {
  readonly state: TrainingState;
  /** The report of its step; undefined at step 0. */
  readonly report: StepReport | undefined;
  /** SHA-256 (hex) of the version's tensors. */
  readonly sha256: string;
}

const stateFileName = 'state.json';
const optimizerFile = 'optimizer.safetensors';
const valueHeadsFile = 'value_heads.safetensors';
const currentFormat = 2;

const controllerSchema = z.union([
  z.object({ kind: z.literal('fixed'), coefficient: z.number() }),
  z.object({ kind: z.literal('adaptive'), coefficient: z.number(), target: z.number(), horizon: z.number() }),
]);

const numbers = z.array(z.number());

/** Beside the last choice, the vectors that the combiner keeps: keys of their own, whichever it has. */
const combinationSchema = z
  .object({
    chosen: z
      .object({
        step: z.int().min(1),
        earlier: z.int().min(0),
        weights: numbers,
        alpha: numbers,
        norms: numbers,
        progress: numbers,
        stationarity: z.number(),
      })
      .optional(),
  })
  .catchall(numbers);

const stateSchema = z.object({
  format: z.literal(currentFormat),
  runId: z.string(),
  step: z.int().min(0),
  version: z.int().min(0),
  position: z.int().min(0),
  kl: controllerSchema,
  aims: z.array(goalChangeSchema),
  combination: combinationSchema.optional(),
  config: z.unknown(),
  configSha256: sha256Hex,
  versionSha256: sha256Hex,
  files: z.record(z.string(), sha256Hex),
  report: z.unknown(),
  sha256: sha256Hex,
});

function weightsFile(config: RunConfig): string {
  return config.policy.train === 'lora' ? 'adapter_model.safetensors' : 'model.safetensors';
}

/** Checkpoints under a directory, oldest first. Unfinished ones do not count. */
export async function listCheckpoints(parent: string): Promise<readonly CheckpointPlace[]> {
  const names = await readdir(parent).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names
    .flatMap((name) => {
      const match = /^step-(\d+)$/.exec(name);
      return match === null ? [] : [{ step: Number(match[1]), directory: join(parent, name) }];
    })
    .sort((a, b) => a.step - b.step);
}

/**
 * Writes a checkpoint atomically. Afterwards the oldest beyond `keep` are removed.
 *
 * @param parent the run's directory of checkpoints; made where it is missing
 * @returns where it lies
 */
export async function writeCheckpoint(
  parent: string,
  owner: CheckpointOwner,
  state: TrainingState,
  report: StepReport | undefined,
  keep: number,
): Promise<CheckpointPlace> {
  const target = join(parent, `step-${String(state.step).padStart(6, '0')}`);
  const written = Object.entries(contents(owner, state));
  const files = Object.fromEntries(
    written.map(([file, bytes]) => [file, createHash('sha256').update(bytes).digest('hex')]),
  );
  const parameters = split(state.trained.parameters, owner.shapes);
  const body = {
    format: currentFormat,
    runId: owner.runId,
    step: state.step,
    version: versionOf(state),
    position: state.position,
    kl: state.kl,
    aims: [...state.goalChanges],
    combination: { ...state.combination.memory, chosen: state.combination.chosen },
    config: owner.config,
    configSha256: configSha256(owner.config),
    versionSha256: sha256OfTensors(parameters),
    files,
    report: report ?? null,
  };
  const json = JSON.stringify({ ...body, sha256: configSha256(body) }, null, 2);
  written.push([stateFileName, Buffer.from(`${json}\n`)]);
  await replaceDirectory(target, async (directory) => {
    await Promise.all(written.map(([file, bytes]) => writeFile(join(directory, file), bytes)));
  });
  const places = await listCheckpoints(parent);
  for (const old of places.slice(0, Math.max(0, places.length - keep))) {
    await rm(old.directory, { recursive: true, force: true });
  }
  return { step: state.step, directory: target };
}

function contents({ config, shapes, adapter }: CheckpointOwner, state: TrainingState): Record<string, Uint8Array> {
  const parameters = split(state.trained.parameters, shapes);
  const isHead = ({ name }: NamedTensor): boolean => Object.values<string>(valueHeadNames).includes(name);
  const heads = parameters.filter(isHead);
  const { firstMoments, secondMoments } = state.trained.optimizer;
  const moments = [
    ...split(firstMoments[0]!, shapes).map((tensor) => ({ ...tensor, name: `exp_avg.${tensor.name}` })),
    ...split(secondMoments[0]!, shapes).map((tensor) => ({ ...tensor, name: `exp_avg_sq.${tensor.name}` })),
  ];
  return {
    [weightsFile(config)]: encodeSafetensors(
      parameters.filter((tensor) => !isHead(tensor)),
      adapter?.metadata,
    ),
    ...(heads.length > 0 && { [valueHeadsFile]: encodeSafetensors(heads) }),
    ...(adapter && { 'adapter_config.json': Buffer.from(`${JSON.stringify(adapter.config, null, 2)}\n`) }),
    [optimizerFile]: encodeSafetensors(moments),
  };
}

/**
 * Reads a checkpoint.
 *
 * @throws UserError that says what is damaged, or that it belongs to another run or configuration, and what to do
 */
export async function readCheckpoint(place: CheckpointPlace, owner: CheckpointOwner): Promise<CheckpointContent> {
  const { directory } = place;
  const refuse = (what: string): never => {
    throw new UserError(`checkpoint ${directory} ${what}; remove that directory to go on from the one before it`);
  };
  const damaged = (what: string): never => refuse(`is damaged: ${what}`);
  const stateFile = await readStateFile(directory, damaged);
  if (stateFile.runId !== owner.runId) refuse(`belongs to run ${stateFile.runId}, not to ${owner.runId}`);
  if (stateFile.configSha256 !== configSha256(owner.config)) {
    throw new UserError(
      `checkpoint ${directory} was made with another configuration than the run's config.yaml has now; ` +
        'restore that file, or create a new run',
    );
  }
  for (const [file, sha256] of Object.entries(stateFile.files)) {
    const bytes = await readFile(join(directory, file)).catch(() => damaged(`${file} cannot be read`));
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== sha256) damaged(`${file} has SHA-256 ${found}, ${stateFileName} says ${sha256}`);
  }
  const tensors = new Map<string, NamedTensor>();
  const tensorFiles = [weightsFile(owner.config), valueHeadsFile, optimizerFile];
  for (const file of tensorFiles.filter((name) => Object.hasOwn(stateFile.files, name))) {
    for (const tensor of await readSafetensors(join(directory, file))) tensors.set(tensor.name, tensor);
  }
  const assemble = (prefix: string): Float32Array => {
    return concatenated(
      owner.shapes.map(({ name, shape }) => {
        const tensor = tensors.get(prefix + name) ?? damaged(`tensor ${prefix}${name} is missing`);
        if (tensor.shape.join() !== shape.join()) damaged(`tensor ${prefix}${name} is [${tensor.shape.join()}]`);
        return tensor.data;
      }),
    );
  };
  const parameters = assemble('');
  const found = sha256OfTensors(split(parameters, owner.shapes));
  if (found !== stateFile.versionSha256) damaged(`the tensors have SHA-256 ${found}, not ${stateFile.versionSha256}`);
  const { step, position, version: updates, kl, aims } = stateFile;
  checkKlController(kl satisfies KlController);
  const optimizer = { step: updates, firstMoments: [assemble('exp_avg.')], secondMoments: [assemble('exp_avg_sq.')] };
  return {
    state: {
      step,
      position,
      kl,
      combination: stateFile.combination ? readCombination(stateFile.combination) : initialCombination(owner.config),
      goalChanges: aims,
      trained: { parameters, optimizer },
    },
    report: (stateFile.report ?? undefined) as StepReport | undefined, // its hash has been checked: it is as it was written
    sha256: found,
  };
}

function readCombination({ chosen, ...memory }: z.output<typeof combinationSchema>): CombinationState {
  return { memory, ...(chosen && { chosen }) };
}

/** The SHA-256 of a checkpoint's tensors as it says itself, unchecked; undefined where it cannot be read. */
export async function sha256OfCheckpoint({ directory }: CheckpointPlace): Promise<string | undefined> {
  try {
    return (
      await readStateFile(directory, (what) => {
        throw new UserError(what);
      })
    ).versionSha256;
  } catch {
    return undefined;
  }
}

async function readStateFile(
  directory: string,
  damaged: (what: string) => never,
): Promise<z.output<typeof stateSchema>> {
  const text = await readFile(join(directory, stateFileName), 'utf8').catch(() =>
    damaged(`${stateFileName} cannot be read`),
  );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return damaged(`${stateFileName} is not JSON`);
  }
  const format = (json as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format !== currentFormat) {
    throw new UserError(
      `checkpoint ${directory} has format ${format}, this version reads ${currentFormat}: go on with the version that wrote it`,
    );
  }
  const parsed = stateSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return damaged(`${stateFileName}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not as it was written'}`);
  }
  const { sha256, ...body } = parsed.data;
  if (configSha256(JSON.parse(canonicalJson(body))) !== sha256)
    damaged(`${stateFileName} was changed after it was written`);
  return parsed.data;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
