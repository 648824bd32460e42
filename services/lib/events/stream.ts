/**
 * The JetStream stream that stores the events. It is created with gapo's limits if it does not exist. An existing stream belongs
 * to its operator: only limits set explicitly are changed, and a stream that is not for gapo's events is refused.
 */
import { messageOf } from '@gapo/rpc';
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
import { eventSubjects, permissionError } from './permissions.js';

/** The default name of the stream. */
export const streamName = 'GAPO';

/** Limits of the stream. The oldest events are removed first. Undefined limits are not changed in an existing stream. */
export interface StreamLimits {
  /** Days for which an event is kept. @default 30 */
  maxAgeDays?: number | undefined;
  /** Total bytes of all events, which the server reserves. @default 268435456 (256 MiB) */
  maxBytes?: number | undefined;
  /** Replicas in a cluster: 1, 3 or 5. @default 1 */
  replicas?: number | undefined;
  /** Where events are kept. It cannot be changed later. @default 'file' */
  storage?: 'file' | 'memory' | undefined;
}

/** A stream: its name, limits, and the server to name in errors. */
export interface StreamOptions {
  readonly name: string;
  readonly limits: StreamLimits;
  /** Without credentials. */
  readonly url: string;
  /** Reports that a limit was changed. */
  readonly onChange: (text: string) => void;
}

/** The server drops an event if it has seen its id within this time. */
const duplicateWindowMs = 2 * 60 * 1000;

/** Maximum size of an event. A step with 32 objectives takes about 10 KiB. */
const maxEventBytes = 1024 * 1024;

const dayMs = 24 * 60 * 60 * 1000;

const defaults = { maxAgeDays: 30, maxBytes: 256 * 1024 * 1024, replicas: 1, storage: 'file' } as const;

/** Converts the limits that are set to the server's settings. */
function settingsOf(limits: StreamLimits): Partial<StreamConfig> {
  const { maxAgeDays, maxBytes, replicas, storage } = limits;
  return {
    ...(maxAgeDays !== undefined && { max_age: nanos(maxAgeDays * dayMs) }),
    ...(maxBytes !== undefined && { max_bytes: maxBytes }),
    ...(replicas !== undefined && { num_replicas: replicas }),
    ...(storage !== undefined && { storage: storage === 'file' ? StorageType.File : StorageType.Memory }),
  };
}

/**
 * Creates the stream if it does not exist, and updates limits that are given and differ.
 *
 * @throws UserError if the server has no JetStream or no space, the login may not use it, or the stream is not for gapo's events
 */
export async function ensureStream(manager: JetStreamManager, options: StreamOptions): Promise<void> {
  const { name, limits } = options;
  try {
    const present = await manager.streams.info(name).catch((error: unknown) => {
      if (error instanceof NatsError && error.api_error?.code === 404) return undefined;
      throw error;
    });
    if (present === undefined) {
      await manager.streams.add({
        name,
        description: 'Events of training runs (CloudEvents JSON)',
        subjects: [eventSubjects],
        retention: RetentionPolicy.Limits,
        discard: DiscardPolicy.Old,
        max_msg_size: maxEventBytes,
        duplicate_window: nanos(duplicateWindowMs),
        ...settingsOf({ ...defaults, ...withoutUndefined(limits) }),
      });
      return;
    }
    requireOurs(present.config, options);
    await change(manager, present.config, options);
  } catch (error) {
    throw streamError(error, options);
  }
}

/**
 * Checks that individual messages can be read, which a publisher does to find out which of its events the stream has.
 *
 * @throws UserError if the login is not permitted to
 */
export async function assertMayRead(manager: JetStreamManager, { name, url }: StreamOptions): Promise<void> {
  try {
    await manager.streams.getMessage(name, { last_by_subj: eventSubjects });
  } catch (error) {
    const denied = permissionError(error, url, name);
    // Other errors, such as for an empty stream, do not mean that reading is forbidden.
    if (denied !== undefined) throw denied;
  }
}

function withoutUndefined(limits: StreamLimits): StreamLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

/** @throws UserError if a stream does not keep gapo's events for every reader */
function requireOurs(present: StreamConfig, { name, url }: StreamOptions): void {
  const where = `the stream ${name} at NATS ${url}`;
  const otherwise = 'it was not changed; set NATS_STREAM to another name, or remove that stream if nobody needs it';
  const subjects = present.subjects ?? [];
  if (!subjects.some((subject) => [eventSubjects, 'gapo.>', '>'].includes(subject))) {
    const has =
      present.mirror !== undefined
        ? `mirrors ${present.mirror.name}`
        : `has the subjects ${subjects.join(', ') || 'none'}`;
    throw new UserError(`${where} belongs to something else: it ${has}, expected ${eventSubjects}; ${otherwise}`);
  }
  if (present.retention !== RetentionPolicy.Limits) {
    throw new UserError(
      `${where} has the retention ${present.retention}, which removes events once they are read, expected limits; ${otherwise}`,
    );
  }
  if (present.sealed || present.no_ack) {
    throw new UserError(`${where} ${present.sealed ? 'is sealed' : 'acknowledges nothing'}; ${otherwise}`);
  }
}

/** Updates limits that a user has set and that differ. */
async function change(manager: JetStreamManager, present: StreamConfig, options: StreamOptions): Promise<void> {
  const actual: Partial<Record<string, unknown>> = { ...present };
  const changed = Object.entries(settingsOf(options.limits)).filter(([key, value]) => actual[key] !== value);
  if (changed.length === 0) return;
  if (changed.some(([key]) => key === 'storage')) {
    throw new UserError(
      `NATS_STREAM_STORAGE: the stream ${options.name} at NATS ${options.url} is kept in ${present.storage}, which cannot be changed; unset it, or remove the stream`,
    );
  }
  await manager.streams.update(options.name, Object.fromEntries(changed));
  const list = changed.map(([key, value]) => `${key} from ${JSON.stringify(actual[key])} to ${JSON.stringify(value)}`);
  options.onChange(`changed the stream ${options.name}: ${list.join(', ')}`);
}

/** Server error codes for too little storage: insufficient, above the account's limit, above its largest stream. */
const storageCodes = [10028, 10047, 10023, 10120];
/** Another stream has some of the subjects. */
const overlapCode = 10065;

function streamError(error: unknown, { name, limits, url }: StreamOptions): unknown {
  const denied = permissionError(error, url, name);
  if (denied !== undefined) return denied;
  if (!(error instanceof NatsError)) return error;
  const code = error.api_error?.err_code;
  if (error.code === '503' || code === 10076 || code === 10039) {
    const start = 'start it with `nats-server -js -sd DIRECTORY`, or enable it for the account';
    return new UserError(`NATS at ${url} has no JetStream: ${start}`, { cause: error });
  }
  if (error.api_error === undefined) return error;
  const refused = `NATS at ${url} refuses the stream ${name}: ${messageOf(error)}`;
  if (code !== undefined && storageCodes.includes(code)) {
    const asked = limits.maxBytes ?? defaults.maxBytes;
    return new UserError(
      `${refused}; ${asked} bytes were asked for: set NATS_STREAM_MAX_BYTES to less, or give the server or the account more storage`,
      { cause: error },
    );
  }
  if (code === overlapCode) {
    return new UserError(
      `${refused}; another stream has subjects of ${eventSubjects}: set NATS_STREAM to its name if it is for gapo's events`,
      { cause: error },
    );
  }
  return new UserError(`${refused}; change the NATS_STREAM_* settings, or the limits of the server`, { cause: error });
}
