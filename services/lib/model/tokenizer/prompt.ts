/** Prompts: what the policy replies to. */
import type { Turn } from './chatTemplate.js';

/** A prompt, as the conversation before the reply. */
export interface Prompt {
  /** The prompt as one text, for models without a chat template; undefined if the data has a conversation. */
  readonly text: string | undefined;
  /** At least one turn. */
  readonly turns: readonly Turn[];
}
