/**
 * Reward models: scores of token sequences, fitted on preference pairs, written as `gapo reward serve` reads them. `fit` is
 * all of it, which main.ts runs as a process of its own; the rest is for fits on pairs that are not in a file.
 */
export { type Quality, type ReliabilityBin, qualityOf } from './calibration.js';
export { decoderScores } from './decoderScores.js';
export { PairEngine, type TokenPair } from './engine.js';
export { fit, type FitEvent, type FitResult } from './fit.js';
export { type RewardContent, writeReward } from './rewardDirectory.js';
export { type ScoreModel, scoreHead } from './scoreModel.js';
export type { FitSettings } from './settings.js';
