/**
 * What every training on given examples shares, whatever its loss: what is held out, the order of the rest, the descent,
 * and being a process that tells what happens.
 */
export { Descent, type DescentOptions, type MeanLoss, type Update } from './descent.js';
export type { TrainingEvent } from './events.js';
export { type LineFile, readLines } from './lines.js';
export { heldOutSplit, updatesOf } from './order.js';
export { runTrainingProcess } from './process.js';
export { loraSettings, trainingSettings } from './settings.js';
