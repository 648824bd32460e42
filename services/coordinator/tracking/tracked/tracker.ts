/** What trackers get to know of a run, and what a tracker is: a place that shows the runs of many tools, such as an MLflow server. */
import type { RunConfig } from '@gapo/config';
import type { LoggedEvent } from '@gapo/events';
import type { RunInput, RunState } from '@gapo/rpc';
import { UserError } from '@gapo/service';

/** A run as trackers read it. */
export interface TrackedRun {
  readonly id: string;
  readonly created: Date;
  readonly config: RunConfig;
  /** The run's directory, which has the file that says how far trackers are. */
  readonly directory: string;
  /** @throws UserError if another coordinator has taken over the data directory */
  assertWritable(): void;
  /** The number of its newest event; 0 before the first. */
  lastEvent(): number;
  /** Reads its events after a number, in order. */
  eventsAfter(number: number): AsyncIterable<readonly LoggedEvent[]>;
  state(): RunState;
  /** Returns the run as it is now. */
  snapshot(): RunInput;
  /** Returns the configuration as submitted, YAML. */
  configYaml(): string;
  /** Returns the web page of the run as one file, HTML. */
  report(): Promise<string>;
}

/** A place that runs are recorded in. */
export interface Tracker {
  /** Where it is, for messages and for the record of what it has; without credentials. */
  readonly place: string;
  /**
   * Finds the run there, or creates it.
   *
   * @throws TrackerError if the place does not answer or refuses
   */
  open(run: TrackedRun, signal: AbortSignal): Promise<TrackerSession>;
  /** Closes connections. */
  close(): Promise<void>;
}

/** The recording of one run, by one process. It begins with the run's first event, and leaves out what the place has already. */
export interface TrackerSession {
  /**
   * Records events, in order.
   *
   * @throws TrackerError if they could not be recorded; some may have been
   */
  write(events: readonly LoggedEvent[], signal: AbortSignal): Promise<void>;
}

/** A tracker that does not answer or refuses. Training does not depend on it. */
export class TrackerError extends UserError {
  override readonly name: string = 'TrackerError';
}

/** A run that a tracker must not record, since a person removed it there. */
export class RemovedThere extends TrackerError {
  override readonly name = 'RemovedThere';
}
