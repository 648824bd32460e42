/** Complete validation of request bodies. */
import type { z } from '@gapo/service';
import { RequestError } from './requestGuard.js';

/**
 * Reads a body.
 *
 * @throws RequestError 400 listing every problem
 */
export function bodyOf<T>(schema: z.ZodType<T>, body: unknown): T {
  const { data, error, success } = schema.safeParse(body);
  if (success) return data;
  const problems = error.issues.map(
    ({ path, message }) => `${path.length === 0 ? 'body' : path.join('.')}: ${message}`,
  );
  throw new RequestError(400, problems.join('; '));
}
