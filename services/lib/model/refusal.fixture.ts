/** Asserts that reading a file or directory fails with a message for users. */
import assert from 'node:assert/strict';
import { ModelError } from './errors.js';

/** Asserts that `read` rejects with a ModelError whose message matches. */
export const refused = (read: Promise<unknown>, pattern: RegExp): Promise<void> =>
  assert.rejects(read, (error: unknown) => {
    assert.ok(error instanceof ModelError, String(error));
    assert.match(error.message, pattern);
    return true;
  });
