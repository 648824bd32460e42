/** Follows a run to its last step, for `run` and `front`. The first Ctrl-C pauses the run, the second stops following. */
import { messageOf, stateWord, type Run, type StepReport } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import type { Coordinator } from '../client.js';
import { exitInterrupted, Exit } from '../exit.js';
import type { Interrupts } from '../interrupts.js';
import type { Reporter } from '../render/reporter.js';
import { follow, type FollowOptions } from './follow.js';

/** The commands that error messages suggest if the run stops early. */
export interface StoppedCommands {
  /** Resumes the run. */
  resume: string;
  /** Starts a new run. */
  fresh: string;
}

/**
 * Follows the run to its last step.
 *
 * @throws Exit if Ctrl-C paused it, UserError if it stopped early for another reason
 */
export async function trainToEnd(
  coordinator: Coordinator,
  chosen: Run,
  reporter: Reporter,
  interrupts: Interrupts,
  commands: StoppedCommands,
  whole?: FollowOptions['whole'],
): Promise<{ trained: Run; steps: StepReport[] }> {
  const pause = (): void => {
    reporter.say('pausing after the step in progress; press Ctrl-C again to stop immediately');
    coordinator.pauseRun(chosen.id).catch((error: unknown) => {
      reporter.say(messageOf(error));
    });
  };
  if (interrupts.stopRequested.aborted) pause();
  else interrupts.stopRequested.addEventListener('abort', pause, { once: true });
  const { run: trained, steps } = await follow(coordinator, chosen, reporter, {
    signal: interrupts.forced,
    ...(whole === undefined ? {} : { whole }),
  });
  interrupts.stopRequested.removeEventListener('abort', pause);
  if (trained.state !== 'RUN_STATE_SUCCEEDED') throw stopped(trained, commands, reporter, interrupts);
  return { trained, steps };
}

/** Returns the error for a run that stopped early, because of Ctrl-C or on its own. */
function stopped(run: Run, commands: StoppedCommands, reporter: Reporter, interrupts: Interrupts): Error {
  const resume = `resume it with \`${commands.resume}\``;
  const where = `step ${run.step} of ${run.totalSteps}`;
  if (interrupts.stopRequested.aborted) {
    reporter.say(`run ${run.id} stopped at ${where}; ${resume}`);
    return new Exit(exitInterrupted);
  }
  return stoppedEarly(run, run.state === 'RUN_STATE_CANCELLED' ? `start again with \`${commands.fresh}\`` : resume);
}

/** Returns the error for a run that stopped before its last step. @param next what to do */
export function stoppedEarly({ id, state, reason, step, totalSteps }: Run, next: string): UserError {
  const word = stateWord(state);
  const ended = state === 'RUN_STATE_FAILED' ? word : state === 'RUN_STATE_CANCELLED' ? `was ${word}` : `is ${word}`;
  const why = reason === '' ? '' : `: ${reason}`;
  return new UserError(`run ${id} ${ended} at step ${step} of ${totalSteps}${why}; ${next}`);
}

/** Whether an error means that work was aborted by its signal. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as { code?: unknown }).code === 'CANCELLED');
}
