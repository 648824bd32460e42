/** Changes to runs over HTTP: validates request bodies completely and calls the coordinator. */
import { auditProblemText, verifyAudit } from '@gapo/access';
import { objectiveInput } from '@gapo/rpc';
import { z } from '@gapo/service';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { answered, type RunRequest } from './answered.js';
import type { Changes } from './changes.js';
import { bodyOf } from './requestBody.js';
import type { RunsApi } from './runsApi.js';
import { credentialsOf } from './session.js';

/** The largest body, in bytes: enough for the preference of several hundred objectives. */
const bodyLimit = 65_536;

const preference = z.record(z.string(), z.number());

const preferenceBody = z.strictObject({
  /** One number for each objective. */
  preference,
});

const objectivesBody = z.strictObject({
  add: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        service: z.string().min(1).optional(),
        onFailure: z.enum(['pause', 'drop', 'fail']).optional(),
        timeoutSeconds: z.number().positive().optional(),
        hedgeAfterSeconds: z.number().positive().optional(),
        scale: z.number().positive().optional(),
        noise: z.number().positive().optional(),
        threshold: z.number().optional(),
        text: z.enum(['clean', 'raw']).optional(),
      }),
    )
    .default([]),
  remove: z.array(z.string()).default([]),
  /** One number for each objective after the change. */
  preference: preference.default({}),
});

const soupBody = z.strictObject({
  /** The runs to average, by id, with their weights. */
  ingredients: z.record(z.string(), z.number()),
});

const noBody = z.strictObject({}).or(z.undefined()).or(z.null());

/** Adds the routes. */
export function serveChanges(app: FastifyInstance, api: RunsApi, changes: Changes): void {
  /** Handles a change: checks the caller first, then the request. */
  const changing = <T>(request: FastifyRequest<RunRequest>, schema: z.ZodType<T>, change: Change<T>) =>
    answered(request.params.id, async () => {
      const author = await changes.authorOf(request);
      return change({
        id: request.params.id,
        author,
        metadata: credentialsOf(request.headers),
        body: bodyOf(schema, request.body),
      });
    });

  app.get('/api/caller', (request) => answered(undefined, () => changes.callerOf(request)));
  app.get<RunRequest>('/api/runs/:id/audit', ({ params: { id }, headers }) =>
    answered(id, async () => {
      const { lines, head } = await api.audit(id, credentialsOf(headers));
      const { entries, problem } = verifyAudit(lines, head);
      return { entries, ...(problem && { problem: auditProblemText(id, problem) }) };
    }),
  );
  for (const verb of ['pause', 'resume', 'cancel'] as const) {
    app.post<RunRequest>(`/api/runs/:id/${verb}`, { bodyLimit }, (request) =>
      changing(request, noBody, async ({ id, author, metadata }) => ({
        run: await api.control(verb, id, author, metadata),
      })),
    );
  }
  app.put<RunRequest>('/api/runs/:id/preference', { bodyLimit }, (request) =>
    changing(request, preferenceBody, ({ id, author, metadata, body }) =>
      api.prefer({ runId: id, author, preference: body.preference }, metadata),
    ),
  );
  app.post<RunRequest>('/api/runs/:id/objectives', { bodyLimit }, (request) =>
    changing(request, objectivesBody, ({ id, author, metadata, body: { add, ...change } }) =>
      api.changeObjectives({ runId: id, author, add: add.map(objectiveInput), ...change }, metadata),
    ),
  );
}

/** Adds the route that says whether runs can be averaged. Restricted, because the coordinator has to read their policies. */
export function serveSoupCheck(app: FastifyInstance, api: RunsApi, changes: Changes): void {
  app.post('/api/soups/check', { bodyLimit }, (request) =>
    answered(undefined, async () => {
      const author = await changes.authorOf(request);
      const { ingredients } = bodyOf(soupBody, request.body);
      await api.checkSoup(ingredients, author, credentialsOf(request.headers));
      return {};
    }),
  );
}

/** The inputs of a change. */
type Change<T> = (change: {
  readonly id: string;
  readonly author: string;
  readonly metadata: ReturnType<typeof credentialsOf>;
  readonly body: T;
}) => Promise<unknown>;
