/** Runs supervised fine-tuning: `node main.js SETTINGS`. A stopped run resumes with the same settings. */
import { finetuningSettings } from '@gapo/config';
import { runTrainingProcess } from '../descent/process.js';
import { finetune } from './finetune.js';

await runTrainingProcess(finetuningSettings, finetune);
