/** The form of the text that a reward service gets: an objective or an entry of rewards.yaml may choose it. */
import { z } from '@gapo/service';

/** `clean`: without special tokens. `raw`: as the policy read and wrote it. */
export const textForm = z.enum(['clean', 'raw']);
export type TextForm = z.output<typeof textForm>;
