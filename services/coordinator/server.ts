/** The coordinator's gRPC services: training for clients, policy versions for workers. */
import {
  implement,
  processSecurity,
  RpcError,
  stateWord,
  type CallContext,
  type GenerateCompletionsResponseInput,
  type Implementation,
  type Objective,
} from '@gapo/rpc';
import { isExpected, Slots } from '@gapo/service';
import { attributeNames, spanNames, withSpan } from '@gapo/tracing';
import { actorOf, authorOf, requireAdmin } from './callers.js';
import { evaluateRun } from './runs/evaluate.js';
import { generateCompletions } from './runs/generate.js';
import { targetOf, type Transition } from './runs/lifecycle.js';
import type { Platform } from './runs/platform.js';
import type { Run } from './runs/run.js';
import type { Runs } from './runs/runs.js';
import { findSample, querySamples } from './runs/samples/sampleQuery.js';
import type { ObjectivesRequest } from './state/objectiveChanges.js';
import { RefusedError } from './state/refusedError.js';

const training = 'gapo.training.v1.TrainingService';

/** Returns the registry of runs; throws UNAVAILABLE until it is open. */
type Registry = () => Runs;

/**
 * Creates both services over a registry of runs.
 *
 * @param opened returns undefined until the registry is open; calls before that fail with UNAVAILABLE
 */
export function coordinatorServices(opened: () => Runs | undefined, platform: Platform): readonly Implementation[] {
  const registry = (): Runs => {
    const runs = opened();
    if (runs === undefined) throw new RpcError('UNAVAILABLE', 'the coordinator is starting; retry later');
    return runs;
  };
  return [trainingService(registry, platform), policyService(registry)];
}

/** Concurrent reads of stored completions: each takes memory, and the files are read and parsed in this process. */
const mostSampleReads = 4;

/**
 * Concurrent evaluations and generations, which take workers away from runs in training, and the limit including those that
 * wait.
 */
const [mostSamplings, mostInAll] = [4, 64];

/** @throws RpcError RESOURCE_EXHAUSTED if too many are running or queued */
function refuseIfFull({ load }: Slots): void {
  if (load < mostInAll) return;
  const what = `${load} evaluations and generations are running or queued, which is the maximum`;
  throw new RpcError('RESOURCE_EXHAUSTED', `${what}: try again when some have ended`);
}

function trainingService(registry: Registry, platform: Platform): Implementation {
  const sampleReads = new Slots(mostSampleReads);
  const samplings = new Slots(mostSamplings);
  return implement(
    training,
    {
      CreateRun: async (request, context) =>
        rejectingWith('INVALID_ARGUMENT', 'CreateRun', context, async () => {
          const run = await registry().create(request, actorOf(request.author, context), context.signal);
          return { run: run.snapshot() };
        }),
      GetRun: async ({ runId }) => ({ run: registry().get(runId).snapshot() }),
      ListRuns: async () => ({ runs: [...registry().list()] }),
      WatchRun: ({ runId, afterStep }, { signal }) => registry().get(runId).watch(afterStep, signal),
      GetAudit: async ({ runId }, context) =>
        rejectingWith('FAILED_PRECONDITION', 'GetAudit', context, async () => {
          const { lines, head } = registry().get(runId).audit.read();
          return { lines: [...lines], headEntries: head.entries, headSha256: head.sha256 };
        }),
      GetCaller: async (_, { caller }) => ({ name: caller?.name ?? '', role: caller?.role ?? '' }),
      ListEvaluations: async ({ runId }, context) =>
        rejectingWith('FAILED_PRECONDITION', 'ListEvaluations', context, async () => ({
          reports: [...(await registry().get(runId).evaluations.list())],
        })),
      ListSamples: async (request, context) =>
        rejectingWith('FAILED_PRECONDITION', 'ListSamples', context, async () => {
          const run = registry().get(request.runId);
          return sampleReads.run(context.signal, () => querySamples(run.samples, request, run.id, context.signal));
        }),
      GetSample: async (request, context) =>
        rejectingWith('FAILED_PRECONDITION', 'GetSample', context, async () => {
          const run = registry().get(request.runId);
          return { sample: await sampleReads.run(context.signal, () => findSample(run.samples, request, run.id)) };
        }),
      PauseRun: async ({ runId, author }, context) =>
        rejectingWith('FAILED_PRECONDITION', 'PauseRun', context, async () => {
          const run = registry().get(runId);
          if (!isAlready(run, 'pause')) {
            const before = stateOf(run);
            run.pause('paused by a user');
            run.audit.append({ action: 'pause', by: actorOf(author, context), before, after: { state: 'paused' } });
          }
          return { run: run.snapshot() };
        }),
      ResumeRun: async ({ runId, acceptChangedInputs, author }, context) =>
        rejectingWith('FAILED_PRECONDITION', 'ResumeRun', context, async () => {
          if (acceptChangedInputs) requireAdmin(context, 'ResumeRun with accept_changed_inputs');
          const run = registry().get(runId);
          const before = stateOf(run);
          await run.resume({ acceptChangedInputs, author: authorOf(author, context) });
          const after = { state: 'running', ...(acceptChangedInputs && { acceptChangedInputs }) };
          run.audit.append({ action: 'resume', by: actorOf(author, context), before, after });
          return { run: run.snapshot() };
        }),
      SetPreference: async ({ runId, preference, author }, context) =>
        rejectingWith('FAILED_PRECONDITION', 'SetPreference', context, async () => {
          const run = registry().get(runId);
          const { step, before, after, author: recorded } = run.setPreference(preference, authorOf(author, context));
          run.audit.append({
            action: 'preference',
            by: actorOf(author, context),
            before: { preference: before.preference },
            after: { preference: after.preference, firstStep: step },
          });
          return { run: run.snapshot(), firstStep: step, before: { ...before.preference }, author: recorded };
        }),
      ChangeObjectives: async ({ runId, add, remove, preference, author }, context) =>
        rejectingWith('FAILED_PRECONDITION', 'ChangeObjectives', context, async () => {
          const run = registry().get(runId);
          const request = { add: add.map(objectiveInput), remove, preference };
          const recorded = authorOf(author, context);
          const { changed, step, before, after } = await run.changeObjectives(request, recorded);
          if (changed) {
            run.audit.append({
              action: 'objectives',
              by: actorOf(author, context),
              before: { ...before },
              after: { ...after, firstStep: step },
            });
          }
          return {
            run: run.snapshot(),
            changed,
            firstStep: step,
            before: before.objectives.map(({ name }) => name),
            preferenceBefore: { ...before.preference },
            author: recorded,
          };
        }),
      CreateSoup: async ({ ingredients, runId, author, validateOnly }, context) =>
        rejectingWith('FAILED_PRECONDITION', 'CreateSoup', context, async () => {
          if (validateOnly) {
            await registry().checkSoup(ingredients);
            return {};
          }
          const run = await registry().createSoup(ingredients, runId, actorOf(author, context));
          return { run: run.snapshot() };
        }),
      CancelRun: async ({ runId, author }, context) =>
        rejectingWith('FAILED_PRECONDITION', 'CancelRun', context, async () => {
          const run = registry().get(runId);
          if (!isAlready(run, 'cancel')) {
            const before = stateOf(run);
            await run.cancel();
            run.audit.append({ action: 'cancel', by: actorOf(author, context), before, after: { state: 'cancelled' } });
          }
          return { run: run.snapshot() };
        }),
      GenerateCompletions: async ({ runId, ...request }, context) =>
        rejectingWith('FAILED_PRECONDITION', 'GenerateCompletions', context, () => {
          const run = registry().get(runId);
          refuseIfFull(samplings);
          const generate = (): Promise<GenerateCompletionsResponseInput> =>
            generateCompletions(run, platform, request, context.signal);
          return samplings.run(context.signal, generate);
        }),
      async *EvaluateRun({ runId, ...request }, context) {
        try {
          const run = registry().get(runId);
          refuseIfFull(samplings);
          const { signal } = context;
          yield* samplings.stream(signal, () => evaluateRun(run, platform, request, signal));
        } catch (error) {
          throw toRpcError('FAILED_PRECONDITION', 'EvaluateRun', context, error);
        }
      },
    },
    { endOnStop: ['WatchRun'], shared: ['WatchRun'] },
  );
}

const policies = {
  FAILURE_POLICY_UNSPECIFIED: 'pause',
  FAILURE_POLICY_PAUSE: 'pause',
  FAILURE_POLICY_DROP: 'drop',
  FAILURE_POLICY_FAIL: 'fail',
} as const;

const textForms = {
  TEXT_FORM_UNSPECIFIED: undefined,
  TEXT_FORM_CLEAN: 'clean',
  TEXT_FORM_RAW: 'raw',
} as const;

/** Converts an objective from a message to the form of a configuration. */
function objectiveInput(objective: Objective): ObjectivesRequest['add'][number] {
  const { name, service, onFailure, timeoutSeconds, hedgeAfterSeconds, scale, noise, threshold, textForm } = objective;
  const text = textForms[textForm];
  return {
    name,
    ...(service !== '' && { service }),
    onFailure: policies[onFailure],
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    ...(hedgeAfterSeconds !== undefined && { hedgeAfterSeconds }),
    ...(scale !== undefined && { scale }),
    ...(noise !== undefined && { noise }),
    ...(threshold !== undefined && { threshold }),
    ...(text !== undefined && { text }),
  };
}

/** What people see of a run's state, for the audit log. */
function stateOf(run: Run): Record<string, unknown> {
  const { state, step } = run.snapshot();
  return { state: stateWord(String(state)), step };
}

/** Whether a run is already in the target state of a transition and stays in it: repeated requests are no-ops. */
function isAlready(run: Run, transition: Transition): boolean {
  return run.snapshot().state === targetOf(transition, 'RUN_STATE_RUNNING') && !run.continues;
}

/** The code of expected errors, which depends on the method. */
type UserErrorCode = 'INVALID_ARGUMENT' | 'FAILED_PRECONDITION';

async function rejectingWith<T>(
  code: UserErrorCode,
  method: string,
  context: CallContext,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toRpcError(code, method, context, error);
  }
}

/**
 * Converts an expected error to an RpcError, and reports a refused one. Any other error is a bug and is returned unchanged.
 */
function toRpcError(code: UserErrorCode, method: string, context: CallContext, error: unknown): unknown {
  if (error instanceof RefusedError) {
    const { reason, message: why } = error;
    const path = `/${training}/${method}`;
    processSecurity().onRefused?.({ reason, peer: context.peer, name: context.identity, path, why });
    return new RpcError('PERMISSION_DENIED', why, { cause: error });
  }
  if (error instanceof RpcError || !isExpected(error)) return error;
  return new RpcError(code, error.message, { cause: error });
}

function policyService(registry: Registry): Implementation {
  return implement('gapo.policy.v1.PolicyService', {
    async *GetVersion({ runId, version }) {
      const attributes = { [attributeNames.runId]: runId, [attributeNames.policyVersion]: version };
      // This span covers the look-up and chunking; the gRPC call's span covers the sending.
      const messages = await withSpan(spanNames.policyServe, attributes, () => [
        ...registry().versionsOf(runId, version).messages(runId, version),
      ]);
      yield* messages;
    },
  });
}
