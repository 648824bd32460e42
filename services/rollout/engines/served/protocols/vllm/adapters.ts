/** Adapters of a vLLM server, loaded at run time. A name is never reused for other weights, because cached prefixes belong to it. */
import { RequestFailure, type HttpClient, type RequestLimits } from '@gapo/http';
import type { ServedPolicy } from '../protocol.js';

const paths = { load: '/v1/load_lora_adapter', unload: '/v1/unload_lora_adapter', metrics: '/metrics' } as const;

/** Loads an adapter. @throws RequestFailure, also if one with that name is loaded */
export async function load(server: HttpClient, { name, path }: ServedPolicy, limits: RequestLimits): Promise<void> {
  await server.post(paths.load, { lora_name: name, lora_path: path }, limits);
}

/** Unloads an adapter. @throws RequestFailure, also if none with that name is loaded */
export async function unload(server: HttpClient, name: string, limits: RequestLimits): Promise<void> {
  await server.post(paths.unload, { lora_name: name }, limits);
}

/** Whether a failure of {@link load} means that an adapter with that name is loaded. */
export function hasAdapter({ status, body = '' }: RequestFailure): boolean {
  return status === 400 && /has already been loaded/.test(body);
}

/** Whether a failure of {@link unload} or of a completion means that the adapter is not loaded. */
export function lacksAdapter({ status, body = '' }: RequestFailure): boolean {
  return status === 404 && /cannot be found|does not exist/.test(body);
}

/** A non-existent adapter. Its path is absolute, so that no server looks for it on Hugging Face. */
const none: ServedPolicy = { kind: 'adapter', name: 'gapo-none', path: '/gapo-none' };

/** Returns whether adapters can be loaded: the server must offer these requests and have room for an adapter. @throws RequestFailure */
export async function loadsAdapters(server: HttpClient, limits: RequestLimits): Promise<boolean> {
  try {
    await unload(server, none.name, limits);
  } catch (error) {
    if (!(error instanceof RequestFailure)) throw error;
    if (error.status === 404 && !lacksAdapter(error)) return false; // without VLLM_ALLOW_RUNTIME_LORA_UPDATING
    if (!lacksAdapter(error)) throw error;
  }
  try {
    await load(server, none, limits);
  } catch (error) {
    if (!(error instanceof RequestFailure) || error.status === undefined) throw error;
    return !/LoRA is not enabled/i.test(error.body ?? '');
  }
  return true;
}

/**
 * Returns how many adapters can be used at the same time (--max-loras).
 *
 * @returns undefined if the server does not say, for example without statistics or before its first completion
 */
export async function mostAdapters(server: HttpClient, limits: RequestLimits): Promise<number | undefined> {
  try {
    const { text } = await server.get(paths.metrics, limits);
    const [, most] = /^vllm:lora_requests_info\{[^}]*max_lora="(\d+)"/m.exec(text) ?? [];
    return most === undefined ? undefined : Number(most);
  } catch (error) {
    if (error instanceof RequestFailure && error.status !== undefined) return undefined;
    throw error;
  }
}
