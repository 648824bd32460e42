/**
 * The stored completions of a run over HTTP: the fields of ListSamples as URL parameters, and a single completion with its tokens.
 */
import type { ListSamplesRequestInput, SampleOrderInput } from '@gapo/rpc';
import type { FastifyInstance } from 'fastify';
import { answered, oneOf, stepNumber, type RunRequest } from './answered.js';
import { RequestError, taking } from './requestGuard.js';
import type { RunsApi } from './runsApi.js';
import { credentialsOf } from './session.js';

/** Orders by their names in the URL. */
const orders = {
  sampled: 'SAMPLE_ORDER_UNSPECIFIED',
  worst: 'SAMPLE_ORDER_WORST',
  conflict: 'SAMPLE_ORDER_CONFLICT',
  longest: 'SAMPLE_ORDER_LONGEST',
} as const satisfies Record<string, SampleOrderInput>;

const orderWords = Object.keys(orders) as (keyof typeof orders)[];

const parameters = ['step', 'prompt', 'order', 'objective', 'unfinished', 'search', 'size', 'page'] as const;
type Parameter = (typeof parameters)[number];

/** A request for one completion. */
interface OneSample {
  Params: Record<'id' | 'step' | 'prompt' | 'sample', string>;
}

/** Adds the routes. */
export function serveSamples(app: FastifyInstance, api: RunsApi): void {
  app.get<RunRequest<Parameter>>('/api/runs/:id/samples', taking(parameters), ({ params: { id }, query, headers }) => {
    const request = requestOf(id, query);
    return answered(id, () => api.samples(request, credentialsOf(headers)));
  });
  app.get<OneSample>('/api/runs/:id/samples/:step/:prompt/:sample', ({ params, headers }) => {
    const { id: runId, step, prompt, sample } = params;
    const request = {
      runId,
      step: stepNumber('step', step),
      prompt: indexOf('prompt', prompt),
      sample: indexOf('sample', sample),
    };
    return answered(runId, () => api.sample(request, credentialsOf(headers)));
  });
}

/** @throws RequestError for an invalid parameter; the coordinator checks the meaning of the values */
function requestOf(runId: string, query: RunRequest<Parameter>['Querystring']): ListSamplesRequestInput {
  const { step, prompt = '', order = 'sampled', objective = '', unfinished = 'false', search = '', size = '0', page = '' } = query; // prettier-ignore
  return {
    runId,
    ...(step !== undefined && { step: stepNumber('step', step) }),
    promptId: prompt,
    order: orders[oneOf('order', order, orderWords)],
    objective,
    unfinished: oneOf('unfinished', unfinished, ['true', 'false']) === 'true',
    search,
    pageSize: sizeOf(size),
    pageToken: page,
  };
}

/** @throws RequestError if it is not an index */
function indexOf(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new RequestError(400, `${name}: found ${JSON.stringify(text)}, expected an index, from 0`);
}

/** @throws RequestError if it is not a page size */
function sizeOf(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new RequestError(400, `size: found ${JSON.stringify(text)}, expected an integer from 0 to 100`);
}
