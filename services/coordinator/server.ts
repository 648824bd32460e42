/** The coordinator's gRPC services: runs for people and scripts, policy versions for workers. */
import { implement, RpcError, type Implementation, type Objective, type RunInput } from '@gapo/rpc';
import { isExpected } from '@gapo/service';
import { attributeNames, spanNames, withSpan } from '@gapo/tracing';
import { evaluateRun } from './runs/evaluate.js';
import { targetOf, type Transition } from './runs/lifecycle.js';
import type { Platform } from './runs/platform.js';
import type { Run } from './runs/run.js';
import type { Runs } from './runs/runs.js';
import type { ObjectivesRequest } from './state/objectiveChanges.js';

/** The registry of runs; throws UNAVAILABLE while it is being read. */
type Registry = () => Runs;

/**
 * Both services over a registry of runs.
 *
 * @param opened undefined until the registry has been read; calls before that are to be made again
 */
export function coordinatorServices(opened: () => Runs | undefined, platform: Platform): readonly Implementation[] {
  const registry = (): Runs => {
    const runs = opened();
    if (runs === undefined) throw new RpcError('UNAVAILABLE', 'the coordinator is starting; call again');
    return runs;
  };
  return [trainingService(registry, platform), policyService(registry)];
}

function trainingService(registry: Registry, platform: Platform): Implementation {
  return implement(
    'gapo.training.v1.TrainingService',
    {
      CreateRun: async (request) =>
        answered('INVALID_ARGUMENT', async () => ({ run: (await registry().create(request)).snapshot() })),
      GetRun: async ({ runId }) => ({ run: registry().get(runId).snapshot() }),
      ListRuns: async () => ({
        runs: registry()
          .list()
          .map((run) => run.snapshot()),
      }),
      WatchRun: ({ runId, afterStep }, { signal }) => registry().get(runId).watch(afterStep, signal),
      PauseRun: async ({ runId }) => {
        const run = registry().get(runId);
        if (!isAlready(run, 'pause')) run.pause('paused by a person');
        return { run: run.snapshot() };
      },
      ResumeRun: async ({ runId }) =>
        answered('FAILED_PRECONDITION', async () => {
          const run = registry().get(runId);
          await run.resume();
          return { run: run.snapshot() };
        }),
      SetPreference: async ({ runId, preference, author }) => {
        const run = registry().get(runId);
        const { step, before, author: recorded } = run.setPreference(preference, author || 'unknown');
        return { run: run.snapshot(), firstStep: step, before: { ...before.preference }, author: recorded };
      },
      ChangeObjectives: async ({ runId, add, remove, preference, author }) =>
        answered('FAILED_PRECONDITION', async () => {
          const run = registry().get(runId);
          const request = { add: add.map(writtenObjective), remove, preference };
          const recorded = author || 'unknown';
          const { changed, step, before } = await run.changeObjectives(request, recorded);
          return {
            run: run.snapshot(),
            changed,
            firstStep: step,
            before: before.objectives.map(({ name }) => name),
            preferenceBefore: { ...before.preference },
            author: recorded,
          };
        }),
      CreateSoup: async ({ ingredients, runId }) =>
        answered('FAILED_PRECONDITION', async () => ({
          run: (await registry().createSoup(ingredients, runId)).snapshot(),
        })),
      CancelRun: async ({ runId }) => {
        const run = registry().get(runId);
        if (!isAlready(run, 'cancel')) await run.cancel();
        return { run: run.snapshot() };
      },
      async *EvaluateRun({ runId, version, samples }, { signal }) {
        try {
          yield* evaluateRun(registry().get(runId), platform, { version, samples }, signal);
        } catch (error) {
          throw forPeople('FAILED_PRECONDITION', error);
        }
      },
    },
    { endOnStop: ['WatchRun'] },
  );
}

const policies = {
  FAILURE_POLICY_UNSPECIFIED: 'pause',
  FAILURE_POLICY_PAUSE: 'pause',
  FAILURE_POLICY_DROP: 'drop',
  FAILURE_POLICY_FAIL: 'fail',
} as const;

/** An objective of a message as a configuration has it. */
function writtenObjective(objective: Objective): ObjectivesRequest['add'][number] {
  const { name, service, onFailure, timeoutSeconds, hedgeAfterSeconds } = objective;
  return {
    name,
    ...(service !== '' && { service }),
    onFailure: policies[onFailure],
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    ...(hedgeAfterSeconds !== undefined && { hedgeAfterSeconds }),
  };
}

/** Asking twice for the same end is no error. */
function isAlready(run: Run, transition: Transition): boolean {
  const { state }: RunInput = run.snapshot();
  return state === targetOf(transition, 'RUN_STATE_RUNNING');
}

async function answered<T>(code: 'INVALID_ARGUMENT' | 'FAILED_PRECONDITION', work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw forPeople(code, error);
  }
}

/** An error that was made for people keeps its message on the wire; others are defects and stay what they are. */
function forPeople(code: 'INVALID_ARGUMENT' | 'FAILED_PRECONDITION', error: unknown): unknown {
  if (error instanceof RpcError || !isExpected(error)) return error;
  return new RpcError(code, error.message, { cause: error });
}

function policyService(registry: Registry): Implementation {
  return implement('gapo.policy.v1.PolicyService', {
    async *GetVersion({ runId, version }) {
      const attributes = { [attributeNames.runId]: runId, [attributeNames.policyVersion]: version };
      // The span covers the look-up and the cutting into chunks; the gRPC call's own span covers the sending.
      const messages = await withSpan(spanNames.policyServe, attributes, () => [
        ...registry().versionsOf(runId).messages(runId, version),
      ]);
      yield* messages;
    },
  });
}
