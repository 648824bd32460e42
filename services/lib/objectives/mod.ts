/**
 * The mathematics of several objectives: from gradients to the weights of one update, from rewards to advantages, and
 * the statistics and randomness around them. Pure functions without input, output or dependencies.
 */

export * from '@gapo/numeric';
export * from './gram.js';
export { minNorm, kktTolerance, type KktCertificate, type MinNormPoint } from './minNorm.js';
export type {
  Choice,
  CombineOptions,
  Combiner,
  Method,
  MethodOptions,
  OptionalPreference,
  ProjectionOrder,
} from './combiner.js';
export { combine, stationarity, methods, type Combination } from './combine.js';
export { updateMultiplier, type MultiplierState } from './lagrangian.js';
export { weightedSum } from './direction.js';
export { fillUniforms, deriveSeed, permutation, philox4x32, uniform } from '@gapo/numeric';
export { checkLayout, type TokenLayout } from './tokens.js';
export * from './advantages.js';
export * from './kl.js';
export * from './pareto.js';
export * from './schedules.js';
export * from '@gapo/numeric';
