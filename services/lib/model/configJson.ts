/**
 * Reads and writes config.json with its numbers as they are written. Transformers takes 30.0 for a float and refuses 30, which
 * JSON.stringify makes of it.
 */
import { isMapping } from '@gapo/service';
import { LosslessNumber, isInteger, parse, stringify } from 'lossless-json';
import { ModelError } from './errors.js';
import { placeOfProblem, readText } from './files.js';

/**
 * Reads a config.json that is to be written again. Its integers are numbers, other numbers keep their digits.
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
