/** JSON objects from files. */
import { ModelError } from './errors.js';
import { readBytes } from './safetensors.js';

/** The object in a file. Throws ModelError where there is none. */
export async function readJson(path: string): Promise<Record<string, unknown>> {
  const bytes = await readBytes(path);
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new ModelError(path, `is not JSON: ${(error as Error).message}`);
  }
  throw new ModelError(path, 'is not JSON: it holds no object');
}
