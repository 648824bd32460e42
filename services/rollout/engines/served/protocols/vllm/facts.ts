/** The properties of a vLLM server, and whether it was started with the options that gapo needs. */
import { RequestFailure, type HttpClient, type RequestLimits } from '@gapo/http';
import { at } from '@gapo/numeric';
import { z } from '@gapo/service';
import { assertAfterTemperature, topTokens } from '../processedLogprobs.js';
import type { EngineFacts, Expected, PolicyKind } from '../protocol.js';
import { loadsAdapters, mostAdapters } from './adapters.js';
import { call, plain, routes, type Route } from './completions.js';
import { areBeingReplaced, areReplaced, isOnCpu, weightsOf } from './weights.js';

const paths = { version: '/version', models: '/v1/models' } as const;

const versionAnswer = z.object({ version: z.string() });

const modelsAnswer = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      parent: z.string().nullish(),
      max_model_len: z.int().nullish(),
    }),
  ),
});

/** How to start a server that accepts adapters. */
const withAdapters = '--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1';
/** How to start a server whose weights can be replaced. */
const withWeights = 'VLLM_SERVER_DEV_MODE=1 and --enable-scale-out';

/** Requests a server's properties. @throws RequestFailure naming the option to start it with */
export async function describe(
  server: HttpClient,
  { model, adapters }: Expected,
  limits: RequestLimits,
): Promise<EngineFacts> {
  const { version } = (await server.get(paths.version, limits)).as(versionAnswer);
  const { data } = (await server.get(paths.models, limits)).as(modelsAnswer);
  const bases = data.filter(({ parent }) => parent === undefined || parent === null);
  const names = bases.map(({ id }) => id).join(', ');
  const base = model === undefined ? bases[0] : bases.find(({ id }) => id === model);
  if (base === undefined || (model === undefined && bases.length > 1)) {
    throw new RequestFailure(`${server.name} has the models ${names || 'none'}; set ENGINE_MODEL to one of them`);
  }
  const [takesAdapters, weights] = [await loadsAdapters(server, limits), await weightsOf(server, limits)];
  if (!takesAdapters && weights === undefined) {
    throw new RequestFailure(
      `${server.name} cannot load adapters; start it with ${withAdapters} (for policy.train: full with ${withWeights})`,
    );
  }
  // A server whose last replacement of weights failed answers no completions until another one succeeds.
  const route = areBeingReplaced(weights) ? routes.generate : await probe(server, base.id, limits);
  const most = takesAdapters ? await mostAdapters(server, limits) : undefined;
  if (most !== undefined && most < adapters) {
    throw new RequestFailure(
      `${server.name} uses ${most} adapter${most === 1 ? '' : 's'} at a time, and ENGINE_ADAPTERS is ${adapters}; start it with ` +
        `--max-loras ${adapters}, or set ENGINE_ADAPTERS=${most}`,
    );
  }
  const refused: Partial<Record<PolicyKind, string>> = {};
  if (!takesAdapters) refused.adapter = `cannot load adapters; start it with ${withAdapters}`;
  else if (areReplaced(weights))
    refused.adapter = `has the weights ${weights} in place of its model's, which adapters belong to; start it again`;
  if (weights === undefined || route !== routes.generate) {
    refused.weights = `cannot replace its weights, which policy.train: full needs; start it with ${withWeights}, or set policy.train to lora`;
    refused.tiedWeights = refused.weights;
  } else if (await isOnCpu(server, limits)) {
    // vLLM 0.32 packs the output projection there at start-up, and repacks it only if the file has a matrix for it.
    refused.tiedWeights =
      'computes on a CPU, where it keeps the old output projection of a model whose output projection is its embedding table ' +
      '(tie_word_embeddings); set policy.train to lora, or ENGINE=native';
  }
  return { version, context: base.max_model_len ?? undefined, route, base: base.id, refused };
}

/** Finds the route for completions, and checks that log-probabilities are after the temperature. */
async function probe(server: HttpClient, model: string, limits: RequestLimits): Promise<Route> {
  let route: Route = routes.generate;
  await assertAfterTemperature(
    server.name,
    'with --logprobs-mode processed_logprobs',
    async (promptIds, temperature) => {
      const sampling = { ...plain, temperature, max_tokens: 1, logprobs: topTokens, seed: 0, ignore_eos: true };
      const asked = { id: 'gapo-probe', model, promptIds, sampling };
      try {
        return at((await call(server, route, asked, limits)).top, 0);
      } catch (error) {
        const isAbsent = error instanceof RequestFailure && (error.status === 403 || error.status === 404);
        if (!isAbsent || route === routes.completions) throw error;
        route = routes.completions;
        return at((await call(server, route, asked, limits)).top, 0);
      }
    },
  );
  return route;
}
