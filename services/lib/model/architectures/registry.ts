/** The registry of architectures. To add one, add a file in this folder and a line here. */
import { linearNames, targetName } from '../decoderLayout.js';
import type { Architecture } from './architecture.js';
import { gemma } from './gemma.js';
import { gemma2 } from './gemma2.js';
import { gemma3 } from './gemma3.js';
import { gpt2 } from './gpt2.js';
import { granite } from './granite.js';
import { llama } from './llama.js';
import { ministral, mistral } from './mistral.js';
import { olmo2, olmo3 } from './olmo2.js';
import { phi3 } from './phi3.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';
import { smolLm3 } from './smollm3.js';

/** The architectures, in the order of error messages. */
export const architectures: readonly Architecture[] = [
  llama,
  mistral,
  ministral,
  qwen2,
  qwen3,
  gemma,
  gemma2,
  gemma3,
  phi3,
  olmo2,
  olmo3,
  smolLm3,
  granite,
  gpt2,
];

/** Every name by which LoRA can target a linear map of some architecture. */
export const loraTargets: readonly string[] = [
  ...new Set(architectures.flatMap(({ names }) => linearNames(names).map(targetName))),
];
