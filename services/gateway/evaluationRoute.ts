/**
 * Evaluations over HTTP: the existing results of a run, and new evaluations, whose progress and result are streamed
 * as JSON lines.
 */
import { once } from 'node:events';
import { toJson } from '@gapo/rpc';
import { z } from '@gapo/service';
import type { FastifyInstance } from 'fastify';
import { answered, type RunRequest } from './answered.js';
import type { Changes } from './changes.js';
import { bodyOf } from './requestBody.js';
import { httpError, type RunsApi } from './runsApi.js';
import { credentialsOf } from './session.js';

/** The largest body, in bytes: enough for the preference of several hundred objectives. */
const bodyLimit = 65_536;
const keepAliveMs = 15_000;

const evaluationBody = z.strictObject({
  /** The version to evaluate. @default the newest */
  version: z.int().min(0).optional(),
  /** Sample prompts to return, with completions before and after. */
  samples: z.int().min(0).max(100).default(0),
  /** Shares given to the policy, by objective. @default the configured preference */
  preference: z.record(z.string(), z.number()).default({}),
});

/** Adds the routes. @param stopping aborts when the gateway stops */
export function serveEvaluations(app: FastifyInstance, api: RunsApi, changes: Changes, stopping: AbortSignal): void {
  app.get<RunRequest>('/api/runs/:id/evaluations', ({ params: { id }, headers }) =>
    answered(id, () => api.evaluations(id, credentialsOf(headers))),
  );
  app.post<RunRequest>('/api/runs/:id/evaluations', { bodyLimit }, (request, reply) =>
    answered(request.params.id, async () => {
      // A caller that disconnects ends the evaluation, even before it begins.
      const left = new AbortController();
      reply.raw.once('close', () => left.abort());
      await changes.authorOf(request);
      const { version, ...asked } = bodyOf(evaluationBody, request.body);
      const message = { runId: request.params.id, ...asked, ...(version !== undefined && { version }) };
      const options = { signal: AbortSignal.any([left.signal, stopping]), metadata: credentialsOf(request.headers) };
      const events = api.evaluate(message, options)[Symbol.asyncIterator]();
      // A refusal comes before the first event and gets its own HTTP status.
      const first = await events.next();
      reply.hijack();
      // An empty line keeps proxies from closing the connection.
      const keepAlive = setInterval(() => reply.raw.write('\n'), keepAliveMs);
      reply.raw.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8', 'x-accel-buffering': 'no' });
      try {
        for (let event = first; event.done !== true; event = await events.next()) {
          const line = `${JSON.stringify(toJson('gapo.training.v1.EvaluateRunResponse', event.value))}\n`;
          if (!reply.raw.write(line)) await once(reply.raw, 'drain', { signal: left.signal });
        }
      } catch (error) {
        if (!left.signal.aborted) reply.raw.write(`${JSON.stringify({ error: httpError(error).message })}\n`);
      } finally {
        clearInterval(keepAlive);
        reply.raw.end();
      }
    }),
  );
}
