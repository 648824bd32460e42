/**
 * Checkpoints: directories that are written atomically and hold everything that a run needs to resume bit for bit.
 *
 * | file | content |
 * | --- | --- |
 * | adapter_model.safetensors, adapter_config.json | the adapter, as PEFT reads it (train: lora) |
 * | model.safetensors | every weight by its Hugging Face name (train: full) |
 * | value_heads.safetensors | the critics, if any |
 * | optimizer.safetensors | AdamW's moments: exp_avg.NAME and exp_avg_sq.NAME |
 * | earlier_versions.safetensors | with rollout.staleness, the versions that later steps are sampled from: VERSION.NAME |
 * | state.json | step, data cursor, controllers, configuration, SHA-256 of every file, of the run's inputs and of itself |
 *
 * state.json is the manifest: a checkpoint with a file that differs from it is rejected, with an error that names the file.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { RunConfig } from '@gapo/config';
import { faultPointAsync } from '@gapo/faults';
import {
  concatenated,
  readSafetensors,
  safetensorsChunks,
  split,
  valueHeadNames,
  type NamedTensor,
  type TensorShape,
} from '@gapo/model';
import { at } from '@gapo/numeric';
import { checkKlController, type KlController } from '@gapo/objectives';
import type { StepReport } from '@gapo/rpc';
import { configSha256, replaceDirectory, sha256Hex, z, UserError } from '@gapo/service';
import { checkpointDirectory, prune, type CheckpointPlace, type Retention } from './checkpointPlaces.js';
import { stateFile } from './fileNames.js';
import { goalChangeSchema } from './goals.js';
import { assertSameInputs, isPolicyInput, type RunInputs } from './runInputs.js';
import { earlierVersions } from './samplingSchedule.js';
import {
  initialCombination,
  versionOf,
  type CombinationState,
  type TrainingState,
  type WorkersRecords,
} from './trainingState.js';
import { versionHashes } from './versions.js';

/** A checkpoint with a missing, unreadable or changed file. The run can continue from an earlier one. */
export class DamagedCheckpoint extends UserError {
  override readonly name = 'DamagedCheckpoint';
}

/** Where a run's checkpoints are. */
export interface CheckpointFolder {
  /** The directory; created if missing. */
  readonly checkpoints: string;
  /** @throws UserError if another coordinator has taken over the data directory */
  assertWritable(): void;
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
  /** Changed files that a user accepted in place of those the checkpoint records. @default none */
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

const optimizerFile = 'optimizer.safetensors';
const valueHeadsFile = 'value_heads.safetensors';
const earlierFile = 'earlier_versions.safetensors';
const currentFormat = 2;

const controllerSchema = z.union([
  z.object({ kind: z.literal('fixed'), coefficient: z.number() }),
  z.object({ kind: z.literal('adaptive'), coefficient: z.number(), target: z.number(), horizon: z.number() }),
]);

const numbers = z.array(z.number());

/** The last choice of weights, and the combiner's own vectors by name. */
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
        cosines: z.array(z.number().nullable()).optional(),
        residual: z.number().optional(),
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
  files: z.record(z.string().regex(/^[\w-][\w.-]*$/), sha256Hex), // of its own directory
  report: z.unknown(),
  sha256: sha256Hex,
});

function weightsFile(config: RunConfig): string {
  return config.policy.train === 'lora' ? 'adapter_model.safetensors' : 'model.safetensors';
}

/**
 * Writes a checkpoint atomically, then removes the checkpoints that need not be kept. Files are hashed and written in small pieces, so
 * other work continues meanwhile; `state` must not change.
 *
 * @throws UserError that names the directory if it cannot be written, or if another coordinator has taken it over; no
 *   checkpoint has changed then
 */
export async function writeCheckpoint(
  folder: CheckpointFolder,
  owner: CheckpointOwner,
  state: TrainingState,
  report: StepReport | undefined,
  retention: Retention,
): Promise<CheckpointPlace> {
  const target = checkpointDirectory(folder.checkpoints, state.step);
  const fill = async (directory: string): Promise<void> => {
    const files = await Promise.all(
      Object.entries(contents(owner, state)).map(
        async ([file, chunks]) => [file, await writeHashed(join(directory, file), chunks)] as const,
      ),
    );
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
      versionSha256: await sha256OfVersion(state.trained.parameters, owner.shapes),
      files: Object.fromEntries(files),
      report: report ?? null,
    };
    const json = JSON.stringify({ ...body, sha256: configSha256(body) }, null, 2);
    await writeHashed(join(directory, stateFile), [Buffer.from(`${json}\n`)]);
  };
  folder.assertWritable();
  await replaceDirectory(target, fill, () => folder.assertWritable());
  await prune(folder.checkpoints, state.step, retention);
  return { step: state.step, directory: target };
}

/** Returns the files of a checkpoint, apart from state.json, as chunks. */
function contents(
  { config, shapes, adapter }: CheckpointOwner,
  state: TrainingState,
): Record<string, Iterable<Uint8Array>> {
  const parameters = split(state.trained.parameters, shapes);
  const isHead = ({ name }: NamedTensor): boolean => Object.values<string>(valueHeadNames).includes(name);
  const heads = parameters.filter(isHead);
  const { firstMoments, secondMoments } = state.trained.optimizer;
  const moments = [
    ...split(at(firstMoments, 0), shapes).map((tensor) => ({ ...tensor, name: `exp_avg.${tensor.name}` })),
    ...split(at(secondMoments, 0), shapes).map((tensor) => ({ ...tensor, name: `exp_avg_sq.${tensor.name}` })),
  ];
  const earlier = state.earlier.flatMap(({ version, parameters }) =>
    split(parameters, shapes).map((tensor) => ({ ...tensor, name: `${version}.${tensor.name}` })),
  );
  return {
    [weightsFile(config)]: safetensorsChunks(
      parameters.filter((tensor) => !isHead(tensor)),
      adapter?.metadata,
    ),
    ...(heads.length > 0 && { [valueHeadsFile]: safetensorsChunks(heads) }),
    ...(adapter && { 'adapter_config.json': [Buffer.from(`${JSON.stringify(adapter.config, null, 2)}\n`)] }),
    [optimizerFile]: safetensorsChunks(moments),
    ...(earlier.length > 0 && { [earlierFile]: safetensorsChunks(earlier) }),
  };
}

/**
 * Reads a checkpoint.
 *
 * @throws DamagedCheckpoint that names the file; UserError if a file may not be read, or the checkpoint belongs to another run,
 *   configuration, model or adapter
 */
export async function readCheckpoint(place: CheckpointPlace, owner: CheckpointOwner): Promise<CheckpointContent> {
  const { directory } = place;
  const damaged = (what: string): never => {
    throw new DamagedCheckpoint(`checkpoint ${directory} is damaged: ${what}`);
  };
  const manifest = await readStateFile(directory, damaged);
  if (manifest.runId !== owner.runId) {
    throw new UserError(
      `checkpoint ${directory} belongs to run ${manifest.runId}, not to ${owner.runId}; remove that directory`,
    );
  }
  if (manifest.configSha256 !== configSha256(owner.config)) {
    throw new UserError(
      `checkpoint ${directory} was written with another configuration than the run's config.yaml has now; restore ` +
        'that file, or create a new run',
    );
  }
  const { inputs = {} } = manifest;
  const comparison = { recorded: inputs, present: owner.inputs, accepted: owner.acceptedInputs ?? {} };
  assertSameInputs(comparison, directory, isPolicyInput);
  for (const [file, sha256] of Object.entries(manifest.files)) {
    const found = await sha256OfChunks(createReadStream(join(directory, file), { highWaterMark: pieceBytes })).catch(
      (error: unknown) => unreadable(join(directory, file), error, damaged),
    );
    if (found !== sha256) damaged(`${file} has SHA-256 ${found}, ${stateFile} says ${sha256}`);
  }
  const tensors = new Map<string, NamedTensor>();
  const tensorFiles = [weightsFile(owner.config), valueHeadsFile, optimizerFile, earlierFile];
  for (const file of tensorFiles.filter((name) => Object.hasOwn(manifest.files, name))) {
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
  const found = await sha256Of(split(parameters, owner.shapes));
  if (found !== manifest.versionSha256) damaged(`the tensors have SHA-256 ${found}, not ${manifest.versionSha256}`);
  versionHashes.set(parameters, found);
  const { step, position, version: updates, kl, aims } = manifest;
  try {
    checkKlController(kl satisfies KlController);
  } catch (error) {
    damaged(`${stateFile}: kl: ${(error as Error).message}`);
  }
  const optimizer = { step: updates, firstMoments: [assemble('exp_avg.')], secondMoments: [assemble('exp_avg_sq.')] };
  return {
    state: {
      step,
      position,
      kl,
      combination: manifest.combination ? readCombination(manifest.combination) : initialCombination(owner.config),
      goalChanges: aims,
      trained: { parameters, optimizer },
      earlier: earlierVersions(owner.config, step).map((version) => ({ version, parameters: assemble(`${version}.`) })),
      ...(manifest.workers && { workers: manifest.workers as WorkersRecords }),
    },
    report: (manifest.report ?? undefined) as StepReport | undefined, // its hash matches: it is what was written
    inputs,
  };
}

function readCombination({ chosen, ...memory }: z.output<typeof combinationSchema>): CombinationState {
  return { memory, ...(chosen && { chosen }) };
}

/** Returns the SHA-256 that a checkpoint states for its tensors, unchecked; undefined if it cannot be read. */
export async function sha256OfCheckpoint({ directory }: CheckpointPlace): Promise<string | undefined> {
  const fail = (what: string): never => {
    throw new DamagedCheckpoint(what);
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
  const path = join(directory, stateFile);
  const text = await readFile(path, 'utf8').catch((error: unknown) => unreadable(path, error, damaged));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return damaged(`${stateFile} is not JSON`);
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
    return damaged(`${stateFile}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is invalid'}`);
  }
  const { sha256, ...body } = parsed.data;
  if (signature(body, damaged) !== sha256) damaged(`${stateFile} was changed after it was written`);
  return parsed.data;
}

function signature(body: object, damaged: (what: string) => never): string {
  try {
    return configSha256(body);
  } catch (error) {
    return damaged(`${stateFile} is not what JSON can hold, or nests too deeply (${(error as Error).message})`);
  }
}

/**
 * Reports a missing file or a disk error.
 *
 * @throws UserError where this process may not read it, which is no damage; else what `damaged` throws
 */
function unreadable(path: string, error: unknown, damaged: (what: string) => never): never {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'EIO' || code === 'EISDIR' || code === 'ENOTDIR') {
    return damaged(`${basename(path)} cannot be read (${code})`);
  }
  throw new UserError(`${path}: cannot be read: ${message}`, { cause: error });
}

/** Bytes that are hashed or written at once: about a millisecond of work. */
const pieceBytes = 1 << 20;

/** Writes a file, and returns its SHA-256 (hex). */
async function writeHashed(path: string, chunks: Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  function* hashed(): Generator<Uint8Array> {
    for (const piece of pieces(chunks)) {
      hash.update(piece);
      yield piece;
    }
  }
  await faultPointAsync('file.write', path);
  await writeFile(path, hashed());
  return hash.digest('hex');
}

/** Returns the SHA-256 (hex) of a version: cached for versions from training, computed for an average. */
async function sha256OfVersion(parameters: Float32Array, shapes: readonly TensorShape[]): Promise<string> {
  return versionHashes.get(parameters) ?? sha256Of(split(parameters, shapes));
}

/** Returns the SHA-256 (hex) of the tensors' concatenated bytes. Other work continues meanwhile. */
function sha256Of(tensors: readonly NamedTensor[]): Promise<string> {
  return sha256OfChunks(
    pieces(tensors.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))),
  );
}

async function sha256OfChunks(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  let sinceTurn = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    sinceTurn += chunk.byteLength;
    if (sinceTurn < pieceBytes) continue;
    sinceTurn = 0;
    await eventLoopTurn();
  }
  return hash.digest('hex');
}

/** Splits large chunks and joins small ones, so that hundreds of small tensors take a few writes. A chunk that is a piece on its own is not copied. */
function* pieces(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  let [joined, bytes]: [Uint8Array[], number] = [[], 0];
  const take = (): Uint8Array => {
    const [first = new Uint8Array(), ...others] = joined;
    const piece = others.length === 0 ? first : Buffer.concat(joined, bytes);
    [joined, bytes] = [[], 0];
    return piece;
  };
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.byteLength; start += pieceBytes) {
      const part = chunk.subarray(start, start + pieceBytes);
      if (joined.length > 0 && bytes + part.byteLength > pieceBytes) yield take();
      joined.push(part);
      bytes += part.byteLength;
    }
  }
  if (joined.length > 0) yield take();
}
