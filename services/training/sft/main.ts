/** A fine-tuning as a process: `node main.js SETTINGS`. One that was ended early goes on from there with the same settings. */
import { finetuningSettings } from '@gapo/config';
import { runTrainingProcess } from '../descent/process.js';
import { finetune } from './finetune.js';

await runTrainingProcess(finetuningSettings, finetune);
