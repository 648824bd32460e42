/** Numbers without a tensor runtime: counter-based random numbers, statistics, dense linear algebra, the optimizer. */
export { at, f32, f64, i32, required } from './at.js';
export { assertFinite, NonFiniteError } from './errors.js';
export { deriveSeed, fillUniforms, normal, permutation, philox4x32, uniform } from './random.js';
export { mostDimensions, shapeText } from './shape.js';
export * from './statistics.js';
export { factor, substitute } from './linear/cholesky.js';
export { symmetricEigen } from './linear/eigen.js';
export { eliminate } from './linear/elimination.js';
export { addScaled } from './linear/vectors.js';
export { adamWStep, createAdamWState, adamwDefaults, type AdamWOptions, type AdamWState } from './optimizer/adamw.js';
export { clipGlobalNorm, type Clipped } from './optimizer/clip.js';
export { learningRateAt, type Schedule } from './optimizer/schedule.js';
export { NonFiniteGradientError, type Gradients, type Tensors } from './optimizer/tensors.js';
