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
