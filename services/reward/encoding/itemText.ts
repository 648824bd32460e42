/** Prompt and completion as one text. */
import { z } from '@gapo/service';

const place = /\{(\w+)\}/g;

/** The schema of a text with placeholders for the completion and the prompt. */
export const itemText = z
  .string()
  .refine((pattern) => {
    const places = [...pattern.matchAll(place)].map(([, name]) => name);
    return places.includes('completion') && places.every((name) => name === 'prompt' || name === 'completion');
  })
  .meta({ expected: 'a text with {completion} and optionally {prompt}' });

/** The default text. */
export const plainText = '{prompt}{completion}';

/** Fills the prompt and the completion into the placeholders of a text. */
export function filledText(pattern: string, prompt: string, completion: string): string {
  return pattern.replaceAll(place, (_, name: string) => (name === 'prompt' ? prompt : completion));
}
