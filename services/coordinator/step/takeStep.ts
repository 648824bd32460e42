/**
 * One training step: the algorithm's strategy provides the learning signal; combination, updates and report follow. A step
 * is a function from the old state to the new one, so a failed step leaves the state unchanged.
 */
import { objectiveNames, type RunConfig } from '@gapo/config';
import type { Combination, Gram, Memory } from '@gapo/objectives';
import { spanNames, withSpan } from '@gapo/tracing';
import type { StepSamples } from '../data/keptSamples.js';
import { earlierAfter, type TrainingState } from '../state/trainingState.js';
import type { StepContext } from './context/stepContext.js';
import { learnFromPairs } from './dpo/dpo.js';
import { learnFromRewards } from './ppo/ppo.js';
import { findingsOf, type StepFindings } from './stepReport.js';
import { combineGradients } from './updates/combination.js';
import { noonAdvantages } from './updates/lossInputs.js';
import type { StepStrategy } from './updates/stepStrategy.js';
import { makeUpdates } from './updates/updates.js';

/** The result of a step. */
export interface StepResult {
  readonly state: TrainingState;
  readonly findings: StepFindings;
  /** The completions to store for people to read; undefined if there are none. */
  readonly samples: StepSamples | undefined;
}

const strategies: Readonly<Record<RunConfig['algorithm'], StepStrategy>> = {
  ppo: learnFromRewards,
  dpo: learnFromPairs,
};

/**
 * Takes a step.
 *
 * @throws PauseNeeded, RunFailure, RpcError, the signal's reason
 */
export async function takeStep(context: StepContext): Promise<StepResult> {
  const { before, config, goalChanges, step } = context;
  const learning = await strategies[config.algorithm](context);
  const { drawn, inputs, loss, updates, combination, kl, samplerGap } = learning;
  const noon = noonAdvantages(inputs.signal, objectiveNames(config).length, inputs.batch);
  const combine = (memory: Memory, gram: Gram): Combination => {
    const state = { ...combination, memory };
    const { losses, preference } = learning;
    return combineGradients(config, { step, state, noonAdvantages: noon, losses, preference }, gram);
  };
  const updated = await withSpan(spanNames.stepTrain, {}, () =>
    makeUpdates({ updates, loss, combine, combination, samplerGap }, context),
  );
  const { trained } = updated;
  return {
    state: {
      step,
      position: before.position + drawn,
      kl,
      combination: updated.combination,
      goalChanges,
      trained,
      earlier: earlierAfter(config, before),
    },
    findings: findingsOf(context, learning, updated),
    samples: learning.samples,
  };
}
