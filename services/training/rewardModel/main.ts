/** A fit as a process: `node main.js SETTINGS`. One that is ended early leaves nothing. */
import { runTrainingProcess } from '../descent/process.js';
import { fit } from './fit.js';
import { fitSettings } from './settings.js';

await runTrainingProcess(fitSettings, fit);
