/** Idempotent loading and unloading of a server's adapters. */
import { RequestFailure, type HttpClient, type RequestLimits } from '@gapo/http';
import type { EngineProtocol, ServedPolicy } from './protocol.js';

/** Loads an adapter unless one with that name is loaded. @throws RequestFailure */
export function loadAdapter(
  { load, hasAdapter }: EngineProtocol,
  server: HttpClient,
  adapter: ServedPolicy,
  limits: RequestLimits,
): Promise<void> {
  return unless(hasAdapter, load(server, adapter, limits));
}

/** Unloads an adapter if one with that name is loaded. @throws RequestFailure */
export function unloadAdapter(
  { unload, lacksAdapter }: EngineProtocol,
  server: HttpClient,
  name: string,
  limits: RequestLimits,
): Promise<void> {
  return unless(lacksAdapter, unload(server, name, limits));
}

/** @param done whether a failure means that the server is already in the requested state */
async function unless(done: (failure: RequestFailure) => boolean, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof RequestFailure && done(error))) throw error;
  }
}
