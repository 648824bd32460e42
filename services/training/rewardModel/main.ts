/** Reward model training as a process: `node main.js SETTINGS`. A stopped one leaves nothing. */
import { fitSettings } from '@gapo/config';
import { runTrainingProcess } from '../descent/process.js';
import { fit } from './fit.js';

await runTrainingProcess(fitSettings, fit);
