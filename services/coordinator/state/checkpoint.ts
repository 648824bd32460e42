/**
 * Checkpoints: directories that are written atomically and hold everything that a run needs to resume bit for bit.
 *
 * | file | content |
 * | --- | --- |
 * | adapter_model.safetensors, adapter_config.json | the adapter, as PEFT reads it (train: lora) |
 * | model.safetensors | every weight by its Hugging Face name (train: full) |
 * | value_heads.safetensors | the critics, if any |
 * | optimizer.safetensors | AdamW's moments: exp_avg.NAME and exp_avg_sq.NAME |
 * | state.json | step, data cursor, controllers, configuration, SHA-256 of every file, of the run's inputs and of itself |
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
import { at } from '@gapo/numeric';
import { checkKlController, type KlController } from '@gapo/objectives';
import type { StepReport } from '@gapo/rpc';
import { canonicalJson, configSha256, replaceDirectory, sha256Hex, z, UserError } from '@gapo/service';
import { goalChangeSchema } from './goals.js';
import { assertSameInputs, isPolicyInput, type RunInputs } from './runInputs.js';
import {
  initialCombination,
  versionOf,
  type CombinationState,
  type TrainingState,
  type WorkersRecords,
} from './trainingState.js';

/** A checkpoint on disk. */
export interface CheckpointPlace {
  readonly step: number;
  readonly directory: string;
}

/** The run that a checkpoint belongs to. */
export interface CheckpointOwner {
  readonly runId: string;
  readonly config: RunConfig;
  /** The trained tensors, in the order of the flat parameters. */
  readonly shapes: readonly TensorShape[];
  /** The adapter's metadata; undefined if every weight is trained. */
  readonly adapter: AdapterFiles | undefined;
  /** The files that the run is trained from. */
  readonly inputs: RunInputs;
  /** Those that a user accepted in place of a checkpoint's. @default none */
  readonly acceptedInputs?: RunInputs;
}

/** Metadata in an adapter's files. */
export interface AdapterFiles {
  /** adapter_config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Metadata of adapter_model.safetensors. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The content of a checkpoint. */
export interface CheckpointContent {
  readonly state: TrainingState;
  /** The report of its step; undefined at step 0. */
  readonly report: StepReport | undefined;
  /** The files that the run was trained from; empty in checkpoints of earlier versions. */
  readonly inputs: RunInputs;
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

/** The last choice, and the combiner's vectors under names of its choice. */
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

const workersSchema = z.object({ build: z.string().optional(), environment: z.record(z.string(), z.string()) });

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
  inputs: z.record(z.string(), sha256Hex).optional(),
  workers: z.object({ rollout: workersSchema.optional(), gradient: workersSchema.optional() }).optional(),
  versionSha256: sha256Hex,
  files: z.record(z.string(), sha256Hex),
  report: z.unknown(),
  sha256: sha256Hex,
});

function weightsFile(config: RunConfig): string {
  return config.policy.train === 'lora' ? 'adapter_model.safetensors' : 'model.safetensors';
}

/** Lists the checkpoints under a directory, oldest first, without unfinished ones. */
export async function listCheckpoints(parent: string): Promise<readonly CheckpointPlace[]> {
  const names = await readdir(parent).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
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
 * Writes a checkpoint atomically, then removes all but the newest `keep`.
 *
 * @param parent the run's directory of checkpoints; created if missing
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
  const files = Object.fromEntries(written.map(([file, bytes]) => [file, sha256Of(bytes)]));
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
    inputs: owner.inputs,
    ...(state.workers && { workers: state.workers }),
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
  for (const old of places.slice(0, -keep)) await rm(old.directory, { recursive: true, force: true });
  return { step: state.step, directory: target };
}

function contents({ config, shapes, adapter }: CheckpointOwner, state: TrainingState): Record<string, Uint8Array> {
  const parameters = split(state.trained.parameters, shapes);
  const isHead = ({ name }: NamedTensor): boolean => Object.values<string>(valueHeadNames).includes(name);
  const heads = parameters.filter(isHead);
  const { firstMoments, secondMoments } = state.trained.optimizer;
  const moments = [
    ...split(at(firstMoments, 0), shapes).map((tensor) => ({ ...tensor, name: `exp_avg.${tensor.name}` })),
    ...split(at(secondMoments, 0), shapes).map((tensor) => ({ ...tensor, name: `exp_avg_sq.${tensor.name}` })),
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
 * @throws UserError if a file is damaged, or the checkpoint belongs to another run, configuration, model or adapter
 */
export async function readCheckpoint(place: CheckpointPlace, owner: CheckpointOwner): Promise<CheckpointContent> {
  const { directory } = place;
  const refuse = (what: string): never => {
    throw new UserError(`checkpoint ${directory} ${what}; remove that directory to resume from the previous one`);
  };
  const damaged = (what: string): never => refuse(`is damaged: ${what}`);
  const stateFile = await readStateFile(directory, damaged);
  if (stateFile.runId !== owner.runId) refuse(`belongs to run ${stateFile.runId}, not to ${owner.runId}`);
  if (stateFile.configSha256 !== configSha256(owner.config)) {
    throw new UserError(
      `checkpoint ${directory} was written with another configuration than the run's config.yaml has now; restore ` +
        'that file, or create a new run',
    );
  }
  const { inputs = {} } = stateFile;
  const comparison = { recorded: inputs, present: owner.inputs, accepted: owner.acceptedInputs ?? {} };
  assertSameInputs(comparison, directory, isPolicyInput);
  for (const [file, sha256] of Object.entries(stateFile.files)) {
    const bytes = await readFile(join(directory, file)).catch(() => damaged(`${file} cannot be read`));
    const found = sha256Of(bytes);
    if (found !== sha256) damaged(`${file} has SHA-256 ${found}, ${stateFileName} says ${sha256}`);
  }
  const tensors = new Map<string, NamedTensor>();
  const tensorFiles = [weightsFile(owner.config), valueHeadsFile, optimizerFile];
  for (const file of tensorFiles.filter((name) => Object.hasOwn(stateFile.files, name))) {
    for (const tensor of await readSafetensors(join(directory, file))) tensors.set(tensor.name, tensor);
  }
  const assemble = (prefix: string): Float32Array =>
    concatenated(
      owner.shapes.map(({ name, shape }) => {
        const tensor = tensors.get(prefix + name) ?? damaged(`tensor ${prefix}${name} is missing`);
        if (tensor.shape.join() === shape.join()) return tensor.data;
        return damaged(`tensor ${prefix}${name} is [${tensor.shape.join()}], expected [${shape.join()}]`);
      }),
    );
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
      ...(stateFile.workers && { workers: stateFile.workers as WorkersRecords }),
    },
    report: (stateFile.report ?? undefined) as StepReport | undefined, // its hash matches: it is what was written
    inputs,
  };
}

function readCombination({ chosen, ...memory }: z.output<typeof combinationSchema>): CombinationState {
  return { memory, ...(chosen && { chosen }) };
}

/** Returns the SHA-256 that a checkpoint states for its tensors, unchecked; undefined if it cannot be read. */
export async function sha256OfCheckpoint({ directory }: CheckpointPlace): Promise<string | undefined> {
  const fail = (what: string): never => {
    throw new UserError(what);
  };
  return readStateFile(directory, fail).then(
    ({ versionSha256 }) => versionSha256,
    () => undefined,
  );
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
      `checkpoint ${directory} has format ${format}, this version reads ${currentFormat}; resume with the version that wrote it`,
    );
  }
  const parsed = stateSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return damaged(`${stateFileName}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is invalid'}`);
  }
  const { sha256, ...body } = parsed.data;
  if (configSha256(JSON.parse(canonicalJson(body))) !== sha256) {
    damaged(`${stateFileName} was changed after it was written`);
  }
  return parsed.data;
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
