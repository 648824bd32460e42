/** The registry of architectures. A new one is a file in this folder and a line here. */
import { linearNames, targetName } from '../decoderLayout.js';
import type { Architecture } from './architecture.js';
import { gpt2 } from './gpt2.js';
import { llama } from './llama.js';
import { ministral, mistral } from './mistral.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';

/** The architectures, in the order of error messages. */
export const architectures: readonly Architecture[] = [llama, mistral, ministral, qwen2, qwen3, gpt2];

/** Every name by which LoRA can target a linear map of some architecture. */
export const loraTargets: readonly string[] = [
  ...new Set(architectures.flatMap(({ names }) => linearNames(names).map(targetName))),
];
