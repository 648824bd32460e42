/**
 * Replaces all weights of a vLLM server in place with those in a directory:
 * https://docs.vllm.ai/en/latest/training/weight_transfer. The server stores a name for the weights and returns it
 * with each completion of /inference/v1/generate.
 */
import { RequestFailure, type HttpClient, type RequestLimits } from '@gapo/http';
import { z } from '@gapo/service';
import type { ServedPolicy } from '../protocol.js';

const paths = {
  info: '/weight_info',
  pause: '/pause',
  resume: '/resume',
  rename: '/update_weight_version',
  call: '/collective_rpc',
  server: '/server_info',
} as const;

const infoAnswer = z.object({ weight_version: z.string() });

/** Prefix of the names of weights that gapo loaded into a server. */
const prefix = 'gapo-';
/** The name during a replacement. After a failed replacement the weights keep it and sample nothing. */
const replacing = `${prefix}replacing`;

/** Returns the name of a server's weights; undefined if it cannot replace them. @throws RequestFailure */
export async function weightsOf(server: HttpClient, limits: RequestLimits): Promise<string | undefined> {
  try {
    return (await server.get(paths.info, limits)).as(infoAnswer).weight_version;
  } catch (error) {
    if (error instanceof RequestFailure && error.status === 404) return undefined;
    throw error;
  }
}

const serverAnswer = z.object({ vllm_config: z.string() });

/** Returns whether a server computes on a CPU. @throws RequestFailure */
export async function isOnCpu(server: HttpClient, limits: RequestLimits): Promise<boolean> {
  const { vllm_config: config } = (await server.get(paths.server, limits)).as(serverAnswer);
  return config.includes('device_config=cpu');
}

/**
 * Whether a replacement of a server's weights has begun but not ended: the server may be paused and without weights.
 */
export function areBeingReplaced(weights: string | undefined): boolean {
  return weights === replacing;
}

/** Whether gapo has replaced a server's weights, or begun to. */
export function areReplaced(weights: string | undefined): boolean {
  return weights?.startsWith(prefix) === true;
}

/**
 * Replaces all weights unless the server already has those with this name. Requests in progress end. @throws
 * RequestFailure
 */
export async function replaceWeights(
  server: HttpClient,
  { name, path }: ServedPolicy,
  limits: RequestLimits,
): Promise<void> {
  if ((await weightsOf(server, limits)) === name) return;
  await server.post(paths.pause, {}, limits);
  await server.post(paths.rename, { new_version: replacing }, limits);
  await server.post(paths.call, { method: 'reload_weights', kwargs: { weights_path: path } }, limits);
  await server.post(paths.resume, {}, limits);
  await server.post(paths.rename, { new_version: name }, limits); // last: a server with the name is complete and running
}

/**
 * Checks which weights sampled a completion.
 *
 * @param found the names returned with it; undefined if there were none
 * @throws RequestFailure, retryable, if weights other than the policy's did
 */
export function requireSampledBy(
  server: string,
  { kind, name }: ServedPolicy,
  found: readonly string[] | undefined,
): void {
  const isOther = (weights: string): boolean => (kind === 'adapter' ? areReplaced(weights) : weights !== name);
  const other = found === undefined ? kind !== 'adapter' && 'unknown weights' : found.find(isOther);
  if (other === false || other === undefined) return;
  throw new RequestFailure(
    `${server} sampled from ${other} in place of ${name}; does another worker replace its weights?`,
    {
      retryable: true,
    },
  );
}
