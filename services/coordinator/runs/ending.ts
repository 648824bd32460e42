/** What ended training: a request to stop, or an error. */
import { messageOf, RpcError } from '@gapo/rpc';
import { isExpected, type Logger } from '@gapo/service';
import { PauseNeeded, type Fault } from '../state/interruption.js';
import { diskFaultOf } from './diskFault.js';
import type { Transition } from './lifecycle.js';

/** A request to stop before the last step. */
export interface StopRequest {
  readonly transition: 'pause' | 'cancel';
  readonly reason: string;
  /** Whether the next coordinator resumes the run. */
  readonly continues?: boolean;
}

/** How training ended. */
export interface Ending {
  readonly transition: Transition;
  readonly reason: string;
  /** The fault to wait for. */
  readonly fault?: Fault | undefined;
  readonly continues?: boolean | undefined;
}

/** The run whose training ended. */
export interface EndedRun {
  readonly id: string;
  /** Its directory. */
  readonly path: string;
}

/** Returns how training ended without an error. */
export function endingWithout({ isComplete }: { readonly isComplete: boolean }, stop: StopRequest | undefined): Ending {
  if (isComplete) return { transition: 'succeed', reason: '' };
  return stop ?? { transition: 'fail', reason: 'training stopped without a reason' };
}

/** Returns how training ends after an error: in a pause if the fault may pass. Logs unexpected errors. */
export function endingWith(error: unknown, run: EndedRun, log: Logger): Ending {
  const fault = error instanceof PauseNeeded ? error.fault : diskFaultOf(error, run.path);
  if (fault !== undefined) return { transition: 'pause', reason: messageOf(error), fault };
  if (!isExpected(error) && !(error instanceof RpcError)) log.error({ run: run.id, error }, 'a step failed');
  return { transition: 'fail', reason: messageOf(error) };
}
