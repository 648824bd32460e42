/** A run's training loop, read from its last checkpoint. */
import { assertSameInputs, changedInputs, type InputsComparison } from '../state/runInputs.js';
import { initialState } from '../state/trainingState.js';
import { prepareTraining, type TrainingContext } from '../step/context/trainingContext.js';
import { acceptedIn, type AcceptedInputs } from './acceptedInputs.js';
import type { RunRecord } from './runDirectory.js';
import type { StoredState } from './runHistory.js';
import { TrainingLoop, type LoopContext } from './trainingLoop.js';

/** A resumption by a user. */
export interface Resumption {
  /** Whether to resume even if the run's input files have changed. */
  readonly acceptChangedInputs: boolean;
  readonly author: string;
}

/** A training loop that was read from disk. */
export interface RestoredLoop {
  readonly loop: TrainingLoop;
  /** The checkpoint that it starts from; undefined if there is none. */
  readonly content: StoredState | undefined;
}

/** What a loop is read from. */
export interface LoopSource {
  readonly context: LoopContext;
  readonly record: RunRecord;
  /** The training context of a loop that was read before; its files are not read again. */
  readonly known: TrainingContext | undefined;
  /** The step whose goals the loop begins with. */
  readonly nextStep: number;
  /** Whether a checkpoint of another model or tokenizer may be read. */
  readonly acceptChangedInputs: boolean;
}

/**
 * Reads the last checkpoint; without one, takes the initial state.
 *
 * @param signal ends the checks of files
 * @throws UserError if a file or service is not valid
 */
export async function readLoop(
  { context, record, known, nextStep, acceptChangedInputs }: LoopSource,
  signal: AbortSignal,
): Promise<RestoredLoop> {
  const { config, goals, history, platform } = context;
  const training =
    known ??
    (await prepareTraining(goals.configAt(nextStep), record.baseDirectory, platform, new Date(record.created), signal));
  if (known === undefined) warnOfChangedData(context, record, training);
  history.acceptedInputs = acceptChangedInputs ? training.inputs : acceptedIn(record.acceptedInputs);
  try {
    const content = await history.read(training);
    const state = content?.state ?? initialState(config, training.initial);
    goals.assertHas(state);
    return { loop: new TrainingLoop(context, training, state), content };
  } catch (error) {
    if (known === undefined) training.rewards.close();
    throw error;
  }
}

/** Warns if a data file has changed since the run was created: steps then draw different records. */
function warnOfChangedData({ platform, runId }: LoopContext, { data }: RunRecord, { files }: TrainingContext): void {
  for (const { key, file, sha256 } of files) {
    const before = data?.find((each) => each.key === key);
    if (before === undefined || before.sha256 === sha256) continue;
    platform.log.warn({ run: runId, file }, `data.${key} has changed since run ${runId} was created`);
  }
}

/**
 * Compares the run's input files with those of the checkpoint.
 *
 * @returns the changes accepted so far, including the new ones
 * @throws UserError if files have changed and the user does not accept that
 */
export function inputsToAccept(
  { loop, content }: RestoredLoop,
  { acceptedInputs = [] }: RunRecord,
  by: Resumption | undefined,
  place: { readonly step: number; readonly checkpoint: string },
): AcceptedInputs {
  const comparison: InputsComparison = {
    recorded: content?.inputs ?? {},
    present: loop.training.inputs,
    accepted: acceptedIn(acceptedInputs),
  };
  if (by?.acceptChangedInputs !== true) {
    assertSameInputs(comparison, place.checkpoint);
    return acceptedInputs;
  }
  const inputs = changedInputs(comparison);
  if (Object.keys(inputs).length === 0) return acceptedInputs;
  return [...acceptedInputs, { time: new Date().toISOString(), author: by.author, step: place.step, inputs }];
}
