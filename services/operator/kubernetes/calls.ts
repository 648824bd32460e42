/** What all calls of the API server share: a deadline, and what their errors say. */
import { z } from '@gapo/service';
import { ApiException, setHeaderMiddleware } from '@kubernetes/client-node';

/** Deadline of a call. */
export const callMs = 15_000;

/** Returns the status code of an answer of the API server; undefined for any other error. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof ApiException ? error.code : undefined;
}

const statusBody = z.object({ message: z.string() });

/** Returns what an error of a call says, in one line. */
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

/** Writes of an object in conflict with others, one after another. */
const mostConflicts = 8;

/**
 * Changes an object. After a conflict it is read again, and the change made to what was read.
 *
 * @param change a call of the API server, on the object as it was read last
 * @param read reads the object again; returns whether it is still there
 * @returns what the change returned; undefined if the object is gone
 * @throws ApiException, also for a conflict that comes again and again
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
