/** The interface of trackers, which show runs of many tools (an MLflow server, for example), and the view of a run that they get. */
import type { RunConfig } from '@gapo/config';
import type { LoggedEvent } from '@gapo/events';
import type { RunInput, RunState } from '@gapo/rpc';
import { UserError } from '@gapo/service';

/** The view of a run that trackers read. */
export interface TrackedRun {
  readonly id: string;
  readonly created: Date;
  readonly config: RunConfig;
  /** The run's directory, which contains the file with the trackers' positions. */
  readonly directory: string;
  /** @throws UserError if another coordinator has taken over the data directory */
  assertWritable(): void;
  /** The number of its newest event; 0 before the first. */
  lastEvent(): number;
  /** Reads its events after a number, in order. */
  eventsAfter(number: number): AsyncIterable<readonly LoggedEvent[]>;
  state(): RunState;
  /** Returns the current state of the run. */
  snapshot(): RunInput;
  /** Returns the configuration as submitted, YAML. */
  configYaml(): string;
  /** Returns the web page of the run as one file, HTML. */
  report(): Promise<string>;
}

/** A place where runs are recorded. */
export interface Tracker {
  /** Its location without credentials, used in messages and as the key of its position. */
  readonly place: string;
  /**
   * Finds the run in the tracker, or creates it.
   *
   * @throws TrackerError if the tracker does not answer or rejects the request
   */
  open(run: TrackedRun, signal: AbortSignal): Promise<TrackerSession>;
  /** Closes connections. */
  close(): Promise<void>;
}

/** The recording of one run by one process. It starts from the run's first event and skips what the tracker already has. */
export interface TrackerSession {
  /**
   * Records events, in order.
   *
   * @throws TrackerError if they could not be recorded; some may have been
   */
  write(events: readonly LoggedEvent[], signal: AbortSignal): Promise<void>;
}

/** A tracker does not answer or rejects a request. Training does not depend on it. */
export class TrackerError extends UserError {
  override readonly name: string = 'TrackerError';
}

/** A run that a tracker must not record because someone deleted it there. */
export class RemovedThere extends TrackerError {
  override readonly name = 'RemovedThere';
}
