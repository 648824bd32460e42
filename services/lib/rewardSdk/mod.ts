/** The parts of a reward service: the gRPC contract over any scorer, and a process around a function that scores. */
export { functionScorer, NoScore, type Reward } from './functionScorer.js';
export { runRewardService, serveReward, type Endpoint, type Opened, type RewardProcess } from './process.js';
export type { Orientation, Outcome, ScoreItem, Scorer, ScorerDescription, TextForm, Turn } from './scorer.js';
export { maxBatch, rewardService } from './service.js';
