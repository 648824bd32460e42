/**
 * Reads and writes config.json without changing how its numbers are written. Transformers accepts 30.0 as a float but rejects
 * 30, which JSON.stringify would write.
 */
import { isMapping } from '@gapo/service';
import { LosslessNumber, isInteger, parse, stringify } from 'lossless-json';
import { ModelError } from './errors.js';
import { placeOfProblem, readText } from './files.js';

/**
 * Reads a config.json that will be written again. Integers become numbers; other numbers keep their digits.
 *
 * @throws ModelError if the file cannot be read, or is not a JSON object
 */
export async function readConfigToWrite(path: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(path);
  const found = parsed(path, text);
  if (isMapping(found)) return { ...found };
  throw new ModelError(path, 'is not a JSON object');
}

function parsed(path: string, text: string): unknown {
  try {
    return parse(text, undefined, (digits) => (isInteger(digits) ? Number(digits) : new LosslessNumber(digits)));
  } catch {
    throw new ModelError(path, `is not JSON${placeOfProblem(text)}`);
  }
}

/** Returns the text of a config.json. */
export function configText(config: Readonly<Record<string, unknown>>): string {
  return `${stringify(config, undefined, 2) ?? ''}\n`;
}
