/** The common parts of all calls to the API server: a deadline and error messages. */
import { z } from '@gapo/service';
import { ApiException, setHeaderMiddleware } from '@kubernetes/client-node';

/** Deadline of a call. */
export const callMs = 15_000;

/** Returns the status code of an API server response; undefined for any other error. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof ApiException ? error.code : undefined;
}

const statusBody = z.object({ message: z.string() });

/** Returns a call's error message on one line. */
export function reasonOf(error: unknown): string {
  if (error instanceof ApiException) {
    const body: unknown = error.body;
    const read = statusBody.safeParse(typeof body === 'string' ? parsed(body) : body);
    return `${error.code}${read.success ? ` ${read.data.message}` : ''}`;
  }
  return error instanceof Error ? error.message : String(error);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Maximum number of consecutive write conflicts on an object. */
const mostConflicts = 8;

/**
 * Changes an object. After a conflict, reads it again and applies the change to the new version.
 *
 * @param change a call to the API server, on the last version read
 * @param read reads the object again; returns whether it still exists
 * @returns the result of the change; undefined if the object is gone
 * @throws ApiException, also for repeated conflicts
 */
export async function changing<T>(change: () => Promise<T>, read: () => Promise<boolean>): Promise<T | undefined> {
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      return await change();
    } catch (error) {
      const code = codeOf(error);
      if ((code !== 409 && code !== 404) || conflicts >= mostConflicts) throw error;
      if (!(await read())) return undefined;
    }
  }
}

/** Options of a call that fails after {@link callMs}. */
export function withDeadline(contentType?: string) {
  const accept = setHeaderMiddleware('Accept', 'application/json');
  const content = contentType === undefined ? [] : [setHeaderMiddleware('Content-Type', contentType)];
  const deadline: typeof accept = {
    pre: (request) => {
      request.setSignal(AbortSignal.timeout(callMs));
      return accept.pre(request);
    },
    post: (response) => accept.post(response),
  };
  return { middleware: [deadline, ...content], middlewareMergeStrategy: 'append' as const };
}
