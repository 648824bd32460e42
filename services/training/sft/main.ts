/** Fine-tuning as a process: `node main.js SETTINGS`. A stopped one resumes with the same settings. */
import { finetuningSettings } from '@gapo/config';
import { runTrainingProcess } from '../descent/process.js';
import { finetune } from './finetune.js';

await runTrainingProcess(finetuningSettings, finetune);
