/** The optimiser: AdamW on float32 tensors in plain arrays, clipping by the global norm, learning-rate schedules. */

export { adamWStep, createAdamWState, ADAMW_DEFAULTS, type AdamWOptions, type AdamWState } from './adamw.js';
export { clipGlobalNorm, globalNorm, type Clipped } from './clip.js';
export { checkSchedule, learningRateAt, type Schedule } from './schedule.js';
export { NonFiniteGradientError, type Gradients, type Tensors } from './tensors.js';
