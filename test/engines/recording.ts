/**
 * Recorded responses of an engine server, without parts that differ between recordings of the same
 * requests.
 */
import { basename } from 'node:path';
import { z } from '@gapo/service';

const exchange = z.object({
  method: z.string(),
  path: z.string(),
  /** The request's JSON. */
  body: z.unknown(),
  status: z.int(),
  /** The response: JSON, or text. */
  answer: z.unknown(),
});

/** One request and its response. */
export type Exchange = z.output<typeof exchange>;

/** The recording of a scenario. */
export const recordingSchema = z.object({
  /** The command that started the server. */
  command: z.string(),
  exchanges: z.array(exchange),
});

export type Recording = z.output<typeof recordingSchema>;

/** Keys of requests and responses that differ every time, or that nobody reads. */
const dropped = new Set(['request_id', 'id', 'created', 'bytes', 'permission', 'root', 'text', 'system_fingerprint']);
/** Keys of model lists, whose entries keep their id. */
const keepsId = new Set(['data']);

/**
 * Returns JSON without times, ids, paths, and the parts of policy names that depend on runs and
 * weights.
 */
export function normalized(json: unknown, keepId = false): unknown {
  if (typeof json === 'string') return json.replace(/\bgapo-[\w-]+?-(v\d+)-[0-9a-f]{16}\b/g, 'gapo-RUN-$1-SHA');
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

/** Returns a response in recorded form: of metrics, only the one that gapo reads. */
export function recorded(path: string, answer: unknown): unknown {
  if (path !== '/metrics') return normalized(answer);
  const lines = String(answer)
    .split('\n')
    .filter((line) => line.startsWith('vllm:lora_requests_info{'));
  return normalized(
    lines
      .slice(0, 1)
      .map((line) => line.replace(/[^}]*$/, ' 1.0\n'))
      .join(''),
  );
}
