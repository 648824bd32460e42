/** A reward service: the gRPC server over any scorer, and the two scorers that come with it. */
export { maxBatch, rewardService } from './server.js';
export type { Orientation, Outcome, ScoreItem, Scorer, ScorerDescription } from './scorer.js';
export { ClassifierScorer, type ClassifierOptions } from './onnx/classifierScorer.js';
export { RulesScorer, type RulesOptions } from './rules/rulesScorer.js';
