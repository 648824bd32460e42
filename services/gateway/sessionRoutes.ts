/** The session of the page: a token in the authorization header logs in, once the coordinator has accepted it. */
import type { FastifyInstance } from 'fastify';
import { answered } from './answered.js';
import { RequestError } from './requestGuard.js';
import type { RunsApi } from './runsApi.js';
import { longestSessionToken, sessionCookie, sessionPath, tokenOf } from './session.js';

/** Adds the routes. */
export function serveSession(app: FastifyInstance, api: RunsApi, scheme: 'http' | 'https'): void {
  const noBody = { bodyLimit: 1 };
  app.post(sessionPath, noBody, async ({ headers }, reply) => {
    const token = tokenOf(headers);
    if (token === undefined) throw new RequestError(401, 'log in with the header authorization: Bearer TOKEN');
    if (token.length > longestSessionToken) {
      throw new RequestError(
        400,
        `the token has more than ${longestSessionToken} characters, too many for a browser's cookie`,
      );
    }
    await answered(undefined, () => api.list({ authorization: `Bearer ${token}` }));
    return reply.code(204).header('set-cookie', sessionCookie(token, scheme)).send();
  });
  app.delete(sessionPath, noBody, async (_request, reply) =>
    reply.code(204).header('set-cookie', sessionCookie(undefined, scheme)).send(),
  );
}
