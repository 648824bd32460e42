/** The plane of two objectives: the evaluations of all runs, from the coordinator. */
import { planeOf, type EvaluatedRun } from '@gapo/page';
import { RpcError, type RunJson } from '@gapo/rpc';
import type { FastifyInstance } from 'fastify';
import { answered } from './answered.js';
import { taking } from './requestGuard.js';
import type { Credentials, RunsApi } from './runsApi.js';
import { credentialsOf } from './session.js';

/** Number of newest runs whose evaluations are read. The response says how many are left. */
const mostRuns = 500;

/** Maximum number of concurrent calls. */
const atOnce = 8;

const parameters = ['x', 'y', 'set'] as const;

/** Adds the route. */
export function servePlane(app: FastifyInstance, api: RunsApi): void {
  type Query = Partial<Record<(typeof parameters)[number], string>>;
  app.get<{ Querystring: Query }>('/api/plane', taking(parameters), ({ query, headers }) => {
    const { x, y, set } = query;
    return answered(undefined, async () => {
      const metadata = credentialsOf(headers);
      const { runs } = await api.list(metadata);
      const newest = runs.slice(0, mostRuns);
      return planeOf(await evaluated(api, newest, metadata), { x, y, set }, runs.length - newest.length);
    });
  });
}

/** Reads the evaluations of runs. A removed run has none, and a run with damaged files does not prevent the others from being shown. */
async function evaluated(api: RunsApi, runs: readonly RunJson[], metadata: Credentials): Promise<EvaluatedRun[]> {
  const found: EvaluatedRun[] = [];
  for (let next = 0; next < runs.length; next += atOnce) {
    const part = runs.slice(next, next + atOnce).map(async (run) => {
      try {
        return { run, ...(await api.evaluations(run.id, metadata)) };
      } catch (error) {
        const { code, details } = RpcError.from(error);
        if (code === 'NOT_FOUND') return { run, reports: [] };
        if (code === 'FAILED_PRECONDITION') return { run, reports: [], problem: details };
        throw error;
      }
    });
    found.push(...(await Promise.all(part)));
  }
  return found;
}
