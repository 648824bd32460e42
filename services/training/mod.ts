/**
 * Training on given examples: supervised fine-tuning and reward models. Each runs as a process (sft/main.ts,
 * rewardModel/main.ts), since it loads the tensor runtime. This module has their inputs, their outputs and shared parts.
 */
export { Descent, type DescentOptions, type MeanLoss, type Update } from './descent/descent.js';
export type { TrainingEvent } from './descent/events.js';
export { heldOutSplit, updatesOf } from './descent/order.js';
export { runTrainingProcess } from './descent/process.js';
export type { FinetuningEvent, FinetuningResult } from './sft/finetune.js';
export { type Quality, type ReliabilityBin, qualityOf } from './rewardModel/calibration.js';
export { decoderScores } from './rewardModel/decoderScores.js';
export { PairEngine, type TokenPair } from './rewardModel/engine.js';
export { fit, type FitEvent, type FitResult } from './rewardModel/fit.js';
export { type RewardContent, writeReward } from './rewardModel/rewardDirectory.js';
export { type ScoreModel, scoreHead } from './rewardModel/scoreModel.js';
