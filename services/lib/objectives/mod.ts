/**
 * The mathematics of multiple objectives: Gram matrices and the combiners that turn them into the weights of an
 * update, advantages, the KL divergence and its controllers, Pareto fronts. Pure functions.
 */

export * from './advantages/advantages.js';
export { signalCorrelation } from './advantages/correlation.js';
export { scalarAdvantages, whitenTogether, type ScalarAdvantages, type ScalarInput } from './advantages/scalar.js';
export { preferred, varianceAdaptive, withoutConflicts, type Filtered, type StageInput } from './advantages/stages.js';
export {
  alternativeText,
  certificateOfReport,
  certificateText,
  updateCertificate,
  type Effect,
  type ObjectiveEffect,
  type ReportedObjective,
  type UpdateCertificate,
} from './certificate.js';
export { combine, stationarity, type Combination } from './combiners/combine.js';
export {
  defineCombiner,
  type Choice,
  type CombinationStep,
  type Combiner,
  type Placement,
  type Refuse,
  type Settings,
  type Steering,
} from './combiners/combiner.js';
export { updateMultiplier, type MultiplierState } from './combiners/lagrangian.js';
export { type Memory } from './combiners/memory.js';
export {
  combinerOf,
  combiners,
  methods,
  type CombineOptions,
  type Combiners,
  type Method,
  type Registry,
} from './combiners/registry.js';
export { checkSettings, numberAt, numbersThatSteer, type ScheduledNumbers } from './combiners/settings.js';
export * from './gram/gram.js';
export { weightedSum } from './gram/direction.js';
export * from './kl.js';
export { pairSignal, type PairInput, type PairObjective, type PairSignal } from './losses/preference.js';
export * from './losses/importance.js';
export * from './losses/regularizers.js';
export * from './losses/surrogate.js';
export * from './pareto.js';
export { drawPreference, type PreferenceDistribution } from './preference/draw.js';
export { completePreference, preferenceLevels } from './preference/levels.js';
export { kktTolerance, type KktCertificate } from './solvers/certificate.js';
export { minNorm, type MinNormPoint } from './solvers/minNorm.js';
export { checkLayout, type TokenLayout } from './advantages/tokens.js';
export { weightingOf, weightings, type Weightings } from './weightings/registry.js';
export { weighted, type Factors, type RewardsOfStep, type Weighting } from './weightings/weighting.js';
