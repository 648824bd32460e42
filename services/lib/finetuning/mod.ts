/**
 * Supervised fine-tuning of a decoder on texts, prompts with completions, and conversations. It runs as a process, main.ts,
 * since it loads the tensor runtime; these are its input and its output.
 */
export type { FinetuningEvent, FinetuningResult } from './finetune.js';
export type { FinetuningSettings } from './settings.js';
