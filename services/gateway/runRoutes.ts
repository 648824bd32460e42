/** The gateway's API for runs: their states, their steps, and the numbers of their steps as columns. */
import { columnsBetween, seriesKinds, stepDetail } from '@gapo/page';
import { RpcError } from '@gapo/rpc';
import type { FastifyInstance } from 'fastify';
import { answered, oneOf, stepNumber, type RunRequest } from './answered.js';
import { taking } from './requestGuard.js';
import type { RunsApi } from './runsApi.js';
import { credentialsOf } from './session.js';
import { StepColumns } from './stepColumns.js';

/** Maximum points of a series: more than a chart has pixels for. */
const mostPoints = 800;

/** Adds the routes. */
export function serveRuns(app: FastifyInstance, api: RunsApi): void {
  const columns = new StepColumns(api);
  app.get('/api/runs', ({ headers }) => answered(undefined, () => api.list(credentialsOf(headers))));
  app.get<RunRequest>('/api/runs/:id', ({ params: { id }, headers }) =>
    answered(id, async () => ({ run: await api.get(id, credentialsOf(headers)) })),
  );
  app.get<RunRequest<'after'>>('/api/runs/:id/steps', taking(['after']), ({ params: { id }, query, headers }) => {
    const after = stepNumber('after', query.after ?? '0');
    return answered(id, async () => ({ steps: await api.steps(id, after, credentialsOf(headers)) }));
  });
  app.get<RunRequest & { Params: { step: string } }>('/api/runs/:id/steps/:step', ({ params, headers }) => {
    const step = stepNumber('step', params.step);
    return answered(params.id, async () => stepDetail(await stepOf(api, params.id, step, credentialsOf(headers))));
  });
  type Range = RunRequest<'kind' | 'from' | 'to'>;
  app.get<Range>('/api/runs/:id/series', taking(['kind', 'from', 'to']), ({ params: { id }, query, headers }) => {
    const kind = oneOf('kind', query.kind ?? 'curves', seriesKinds);
    const from = stepNumber('from', query.from ?? '0');
    const to = query.to === undefined ? Infinity : stepNumber('to', query.to);
    return answered(id, async () => {
      const all = await columns.of(id, kind, credentialsOf(headers));
      return columnsBetween(all, kind, { from, to, points: mostPoints });
    });
  });
}

/** @throws RpcError NOT_FOUND for a step that has not been taken */
async function stepOf(api: RunsApi, id: string, step: number, metadata: ReturnType<typeof credentialsOf>) {
  const [found] = step === 0 ? [] : await api.steps(id, step - 1, metadata, 1);
  if (found?.step === step) return found;
  throw new RpcError('NOT_FOUND', `run ${id} has no step ${step}`);
}
