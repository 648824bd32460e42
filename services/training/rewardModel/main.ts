/** Trains a reward model: `node main.js SETTINGS`. A stopped run leaves nothing behind. */
import { fitSettings } from '@gapo/config';
import { runTrainingProcess } from '../descent/process.js';
import { fit } from './fit.js';

await runTrainingProcess(fitSettings, fit);
