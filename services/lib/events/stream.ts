/** The JetStream stream that stores the events. */
import { UserError } from '@gapo/service';
import {
  DiscardPolicy,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
} from 'nats';
import { messageOf } from './eventError.js';

/** The stream's name. */
export const streamName = 'GAPO';

/** The subjects of every event. */
const streamSubjects = ['gapo.v1.>'];

/** Limits of the stream. The oldest events are removed first. */
export interface StreamLimits {
  /** Days for which an event is kept. @default 30 */
  maxAgeDays?: number;
  /** Bytes of all events together, which the server reserves on disk. @default 268435456 (256 MiB) */
  maxBytes?: number;
  /** Replicas in a cluster: 1, 3 or 5. @default 1 */
  replicas?: number;
}

/** The server drops an event whose id it has seen within this time. */
const duplicateWindowMs = 2 * 60 * 1000;

/** The largest event. A step with 32 objectives has about 10 KiB. */
const maxEventBytes = 1024 * 1024;

const dayMs = 24 * 60 * 60 * 1000;

function wanted(limits: StreamLimits) {
  return {
    name: streamName,
    description: 'Events of training runs (CloudEvents JSON)',
    subjects: streamSubjects,
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: nanos((limits.maxAgeDays ?? 30) * dayMs),
    max_bytes: limits.maxBytes ?? 256 * 1024 * 1024,
    max_msg_size: maxEventBytes,
    duplicate_window: nanos(duplicateWindowMs),
    num_replicas: limits.replicas ?? 1,
  } satisfies Partial<StreamConfig>;
}

/**
 * Creates the stream where it is absent, and updates it where it differs.
 *
 * @throws UserError where the server has no JetStream, no space, or a stream that cannot be updated
 */
export async function ensureStream(manager: JetStreamManager, limits: StreamLimits, url: string): Promise<void> {
  const config = wanted(limits);
  try {
    const present = await manager.streams.info(streamName).catch((error: unknown) => {
      if (error instanceof NatsError && error.api_error?.code === 404) return undefined;
      throw error;
    });
    if (present === undefined) await manager.streams.add(config);
    else if (differs(present.config, config)) await manager.streams.update(streamName, config);
  } catch (error) {
    throw streamError(error, url);
  }
}

function differs(present: StreamConfig, config: Partial<StreamConfig>): boolean {
  const actual: Partial<Record<string, unknown>> = { ...present };
  return Object.entries(config).some(([key, value]) => JSON.stringify(actual[key]) !== JSON.stringify(value));
}

function streamError(error: unknown, url: string): unknown {
  if (!(error instanceof NatsError)) return error;
  if (error.code === '503' || error.api_error?.err_code === 10076 || error.api_error?.err_code === 10039) {
    return new UserError(`NATS at ${url} has no JetStream: start it with \`nats-server -js -sd DIRECTORY\``, {
      cause: error,
    });
  }
  if (error.api_error !== undefined) {
    return new UserError(
      `NATS at ${url} refuses the stream ${streamName}: ${messageOf(error)}; give the server more storage, or remove an unrelated stream of that name`,
      { cause: error },
    );
  }
  return error;
}
