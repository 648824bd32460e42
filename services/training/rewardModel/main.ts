/** A fit as a process: `node main.js SETTINGS`. One that is ended early leaves nothing. */
import { fitSettings } from '@gapo/config';
import { runTrainingProcess } from '../descent/process.js';
import { fit } from './fit.js';

await runTrainingProcess(fitSettings, fit);
