/** Finds how many of a run's events the stream has, and describes where the two differ. */
import { NatsError, type JetStreamManager, type StoredMsg, type StreamInfo } from 'nats';
import { eventIn, sequenceOf, subjectOf, type CloudEvent, type EventKind } from '../cloudEvent.js';
import type { EventLog } from '../log/eventLog.js';
import { lastingKinds, partKinds } from '../log/kinds.js';
import { LogReader } from '../log/logReader.js';
import type { CopiedMark } from './copiedMark.js';

/** The server has no matching message. */
const noMessageCode = 10037;

/** A log that is copied. */
export interface CopiedLog {
  readonly runId: string;
  readonly log: EventLog;
  readonly mark: CopiedMark | undefined;
}

/** Where the copying of a run continues. */
export interface Position {
  /** The number of the newest event that the stream has. */
  readonly sequence: number;
  /** The number of that event in the stream; 0 if there is none. */
  readonly streamSequence: number;
  /** When the stream was created. */
  readonly created: string;
  /** The stream number of the newest message of each kind, by which the server refuses an overtaken publisher. */
  readonly newest: ReadonlyMap<EventKind, number>;
  /** Describes how stream and log differ; empty if they do not. */
  readonly difference: string;
}

/**
 * Finds the position of a run.
 *
 * @throws NatsError if the server does not answer
 */
export async function findPosition(manager: JetStreamManager, stream: string, copied: CopiedLog): Promise<Position> {
  const { runId, log } = copied;
  // Read before the newest message overall, so that a message added by another publisher in between is refused as
  // unexpected.
  const newest = new Map<EventKind, number>();
  await Promise.all(
    [...partKinds, ...lastingKinds].map(async (kind) => {
      newest.set(kind, (await storedMessage(manager, stream, { last_by_subj: subjectOf(runId, kind) }))?.seq ?? 0);
    }),
  );
  const stored = await storedMessage(manager, stream, { last_by_subj: subjectOf(runId, undefined) });
  const info = await manager.streams.info(stream);
  const event = stored === undefined ? undefined : eventIn(stored.data);
  const found =
    stored !== undefined && event !== undefined && (await isInLog(event, log))
      ? { sequence: sequenceOf(event), streamSequence: stored.seq }
      : undefined;
  return { ...placeOf(copied, info, found, event), created: String(info.created), newest };
}

type Place = Pick<Position, 'sequence' | 'streamSequence' | 'difference'>;

/**
 * Decides where to continue.
 *
 * @param found the newest event of the run in the stream, if the log has it too
 * @param other the newest event of the run in the stream, whether the log has it or not
 */
function placeOf(
  copied: CopiedLog,
  info: StreamInfo,
  found: Omit<Place, 'difference'> | undefined,
  other: CloudEvent | undefined,
): Place {
  const { runId, log, mark: written } = copied;
  const stream = info.config.name;
  const mark = written?.stream === stream ? written : undefined;
  const isSame = mark?.created === String(info.created);
  const acknowledged = Math.min(mark?.sequence ?? 0, log.last);
  const again = (from: number): string =>
    `the stream ${stream} ${isSame ? 'has lost' : 'is new and lacks'} events ${from} to ${acknowledged} of run ${runId}, which it had acknowledged; they are published again from the run's log`;
  if (found !== undefined) {
    return { ...found, difference: found.sequence < acknowledged ? again(found.sequence + 1) : '' };
  }
  // Limits and operators remove the oldest messages; a crash removes the newest.
  const removed = isSame && info.state.last_seq >= mark.streamSequence;
  if (other !== undefined) {
    return {
      sequence: removed ? acknowledged : 0,
      streamSequence: 0,
      difference: `the stream ${stream} has events of another run ${runId}: the newest is ${other.id} of ${other.time}, which the run's log lacks; events of this run follow it`,
    };
  }
  if (removed) return { sequence: acknowledged, streamSequence: mark.streamSequence, difference: '' };
  return { sequence: 0, streamSequence: 0, difference: acknowledged > 0 ? again(1) : '' };
}

/** Whether the log has an event of the stream with the same number, id and time. */
async function isInLog(event: CloudEvent, log: EventLog): Promise<boolean> {
  const sequence = sequenceOf(event);
  if (sequence < 1 || sequence > log.last) return false;
  const [logged] = await new LogReader(log, sequence - 1, () => undefined).next(sequence);
  // Compaction removes events that the stream has.
  if (logged === undefined) return true;
  return logged.event.id === event.id && logged.event.time === event.time;
}

/** Returns a message of a stream; undefined if no message matches. */
export async function storedMessage(
  manager: JetStreamManager,
  stream: string,
  query: { readonly seq: number } | { readonly last_by_subj: string },
): Promise<StoredMsg | undefined> {
  try {
    return await manager.streams.getMessage(stream, query);
  } catch (error) {
    if (error instanceof NatsError && error.api_error?.err_code === noMessageCode) return undefined;
    throw error;
  }
}
