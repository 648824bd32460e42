/** A run followed to its last step, shared by `run` and `front`: the first Ctrl-C pauses it, the second leaves it. */
import type { Run, StepReport } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import type { Coordinator } from '../client.js';
import { exitInterrupted, Exit } from '../exit.js';
import type { Interrupts } from '../interrupts.js';
import type { Reporter } from '../render/reporter.js';
import { stateName } from '../render/runProgress.js';
import { follow, type FollowOptions } from './follow.js';

/** What to call where the run stopped early. */
export interface StoppedCommands {
  /** Goes on with it. */
  goOn: string;
  /** Begins it anew. */
  anew: string;
}

/**
 * Follows the run to its last step. The first Ctrl-C pauses it, the second leaves it.
 *
 * @throws Exit where it was paused, UserError where it stopped for another reason
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
    reporter.say('pausing after the step in progress; Ctrl-C again stops at once');
    coordinator.pauseRun(chosen.id).catch((error: unknown) => {
      reporter.say(error instanceof Error ? error.message : String(error));
    });
  };
  if (interrupts.asked.aborted) pause();
  else interrupts.asked.addEventListener('abort', pause, { once: true });
  const { run: trained, steps } = await follow(coordinator, chosen, reporter, {
    signal: interrupts.forced,
    ...(whole === undefined ? {} : { whole }),
  });
  interrupts.asked.removeEventListener('abort', pause);
  if (trained.state !== 'RUN_STATE_SUCCEEDED') throw stopped(trained, commands, reporter, interrupts);
  return { trained, steps };
}

/** What to throw where the run stopped before its last step. */
function stopped(run: Run, commands: StoppedCommands, reporter: Reporter, interrupts: Interrupts): Error {
  const goOn = `go on with \`${commands.goOn}\``;
  const where = `step ${run.step} of ${run.totalSteps}`;
  if (interrupts.asked.aborted) {
    reporter.say(`run ${run.id} stopped at ${where}; ${goOn}`);
    return new Exit(exitInterrupted);
  }
  return stoppedEarly(run, run.state === 'RUN_STATE_CANCELLED' ? `begin anew with \`${commands.anew}\`` : goOn);
}

/** The error of a run that stopped before its last step. @param next what can be done with it */
export function stoppedEarly({ id, state, reason, step, totalSteps }: Run, next: string): UserError {
  const ended =
    state === 'RUN_STATE_FAILED'
      ? 'failed'
      : state === 'RUN_STATE_CANCELLED'
        ? 'was cancelled'
        : `is ${stateName(state)}`;
  const why = reason === '' ? '' : `: ${reason}`;
  return new UserError(`run ${id} ${ended} at step ${step} of ${totalSteps}${why}; ${next}`);
}

/** Whether an error says that something was given up because its signal was aborted. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as { code?: unknown }).code === 'CANCELLED');
}
