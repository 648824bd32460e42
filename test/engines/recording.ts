/** What an engine server answered, without what differs between two recordings of the same requests. */
import { basename } from 'node:path';
import { z } from '@gapo/service';

const exchange = z.object({
  method: z.string(),
  path: z.string(),
  /** The request's JSON. */
  body: z.unknown(),
  status: z.int(),
  /** The answer: JSON, or a text. */
  answer: z.unknown(),
});

/** One request and its answer. */
export type Exchange = z.output<typeof exchange>;

/** The recording of a scenario. */
export const recordingSchema = z.object({
  /** The command that started the server. */
  command: z.string(),
  exchanges: z.array(exchange),
});

export type Recording = z.output<typeof recordingSchema>;

/** Keys of requests and answers that are new each time, or that nobody reads. */
const dropped = new Set(['request_id', 'id', 'created', 'bytes', 'permission', 'root', 'text', 'system_fingerprint']);
/** Keys of lists of models keep their id. */
const keepsId = new Set(['data']);

/** Returns JSON without times, ids, paths and hashes of weights. */
export function normalized(json: unknown, keepId = false): unknown {
  if (typeof json === 'string') return json.replace(/-[0-9a-f]{16}\b/g, '-SHA');
  if (Array.isArray(json)) return json.map((item) => normalized(item, keepId));
  if (typeof json !== 'object' || json === null) return json;
  const entries = Object.entries(json).filter(
    ([key, value]) => value !== null && (!dropped.has(key) || (keepId && key === 'id')),
  );
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      key === 'lora_path' ? normalized(basename(String(value))) : normalized(value, keepsId.has(key)),
    ]),
  );
}

/** Identifies a request. */
export function keyOf({ method, path, body }: Pick<Exchange, 'method' | 'path' | 'body'>): string {
  return JSON.stringify([method, path, normalized(body)]);
}
