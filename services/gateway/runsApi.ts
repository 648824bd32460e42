/** Runs and their steps from the coordinator, as JSON. */
import type { AuditHead } from '@gapo/access';
import {
  connect,
  RpcError,
  toJson,
  type ChangeObjectivesRequestInput,
  type ChangeObjectivesResponseJson,
  type Client,
  type EvaluateRunRequestInput,
  type EvaluateRunResponse,
  type GetCallerResponse,
  type GetSampleRequestInput,
  type GetSampleResponseJson,
  type ListEvaluationsResponseJson,
  type ListSamplesRequestInput,
  type ListSamplesResponseJson,
  type SetPreferenceRequestInput,
  type SetPreferenceResponseJson,
  type ListRunsResponseJson,
  type RpcCode,
  type Run,
  type RunJson,
  type StepReport,
  type StepReportJson,
  type WatchRunResponse,
} from '@gapo/rpc';

const deadlineMs = 10_000;

/** Deadline of calls in which the coordinator checks models and reward services, in milliseconds. */
const startMs = 120_000;

/** How long a request waits for the coordinator after an outage: longer than the longest delay between connection attempts. */
const reconnectMs = 3000;

/** The HTTP status of an error of the coordinator. */
const httpStatus: Partial<Record<RpcCode, number>> = {
  NOT_FOUND: 404,
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  ALREADY_EXISTS: 409,
  FAILED_PRECONDITION: 409,
  RESOURCE_EXHAUSTED: 429,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
  // The caller has disconnected, or the gateway is stopping.
  CANCELLED: 503,
};

/** Returns the status and message for the response to a failed request. */
export function httpError(error: unknown): { status: number; message: string } {
  const known = RpcError.from(error);
  const status = httpStatus[known.code] ?? 500;
  const message = status === 503 ? `the coordinator does not answer: ${known.details}` : known.details;
  return { status, message };
}

/** Metadata that identifies the caller to the coordinator. */
export type Credentials = Readonly<Record<string, string>>;

/** @throws RpcError INTERNAL for a response without a run */
function runOf({ run }: { readonly run: Run | null }): RunJson {
  if (run === null) throw new RpcError('INTERNAL', "the coordinator's response has no run");
  return toJson('gapo.training.v1.Run', run);
}

/** Calls one coordinator with the credentials of each caller. Every method throws RpcError. */
export class RunsApi {
  readonly #client: Client<'gapo.training.v1.TrainingService'>;

  constructor(coordinator: string) {
    this.#client = connect('gapo.training.v1.TrainingService', coordinator, { reconnectMs });
  }

  /** Returns every run, newest first. */
  async list(metadata: Credentials): Promise<ListRunsResponseJson> {
    return toJson('gapo.training.v1.ListRunsResponse', await this.#client.ListRuns({}, { deadlineMs, metadata }));
  }

  /** Returns one run. */
  async get(id: string, metadata: Credentials): Promise<RunJson> {
    return runOf(await this.#client.GetRun({ runId: id }, { deadlineMs, metadata }));
  }

  /** Returns the steps so far after a given one, as JSON. @param most maximum number of steps */
  async steps(id: string, after: number, metadata: Credentials, most = Infinity): Promise<StepReportJson[]> {
    const reports = await this.reports(id, after, metadata, most);
    return reports.map((report) => toJson('gapo.training.v1.StepReport', report));
  }

  /** Returns the reports of the steps so far after a given one. @param most maximum number of steps */
  async reports(id: string, after: number, metadata: Credentials, most = Infinity): Promise<StepReport[]> {
    const { step: last } = await this.get(id, metadata);
    const steps: StepReport[] = [];
    if (last <= after) return steps;
    for await (const { step } of this.#client.WatchRun({ runId: id, afterStep: after }, { deadlineMs, metadata })) {
      if (!step) continue;
      steps.push(step);
      if (step.step >= last || steps.length >= most) break;
    }
    return steps;
  }

  /** Follows the run: its steps after a given one, then each event, until it ends or the signal is aborted. */
  watch(
    id: string,
    after: number,
    options: { readonly signal: AbortSignal; readonly metadata: Credentials },
  ): AsyncIterable<WatchRunResponse> {
    return this.#client.WatchRun({ runId: id, afterStep: after }, { deadlineMs: Infinity, ...options });
  }

  /** Returns the caller's name and role; both are empty if calls need no token. */
  async caller(metadata: Credentials): Promise<GetCallerResponse> {
    return this.#client.GetCaller({}, { deadlineMs, metadata });
  }

  /** Returns the lines of a run's audit log, and its head. */
  async audit(id: string, metadata: Credentials): Promise<{ lines: readonly string[]; head: AuditHead }> {
    const { lines, headEntries, headSha256 } = await this.#client.GetAudit({ runId: id }, { deadlineMs, metadata });
    return { lines, head: { entries: headEntries, sha256: headSha256 } };
  }

  /** Returns the results of a run's evaluations. */
  async evaluations(id: string, metadata: Credentials): Promise<ListEvaluationsResponseJson> {
    const answer = await this.#client.ListEvaluations({ runId: id }, { deadlineMs, metadata });
    return toJson('gapo.training.v1.ListEvaluationsResponse', answer);
  }

  /** Evaluates a version of a run: its progress, then its result. */
  evaluate(
    request: EvaluateRunRequestInput,
    options: { readonly signal: AbortSignal; readonly metadata: Credentials },
  ): AsyncIterable<EvaluateRunResponse> {
    return this.#client.EvaluateRun(request, { deadlineMs: Infinity, ...options });
  }

  /** Returns a page of the completions that a run keeps. */
  async samples(request: ListSamplesRequestInput, metadata: Credentials): Promise<ListSamplesResponseJson> {
    const answer = await this.#client.ListSamples(request, { deadlineMs, metadata });
    return toJson('gapo.training.v1.ListSamplesResponse', answer);
  }

  /** Returns one of those completions, with its tokens. */
  async sample(request: GetSampleRequestInput, metadata: Credentials): Promise<GetSampleResponseJson> {
    const answer = await this.#client.GetSample(request, { deadlineMs, metadata });
    return toJson('gapo.training.v1.GetSampleResponse', answer);
  }

  /** Pauses, resumes or cancels a run. */
  async control(
    verb: 'pause' | 'resume' | 'cancel',
    runId: string,
    author: string,
    metadata: Credentials,
  ): Promise<RunJson> {
    const calls = {
      pause: () => this.#client.PauseRun({ runId, author }, { deadlineMs: startMs, metadata }),
      resume: () => this.#client.ResumeRun({ runId, author }, { deadlineMs: startMs, metadata }),
      cancel: () => this.#client.CancelRun({ runId, author }, { deadlineMs: startMs, metadata }),
    };
    return runOf(await calls[verb]());
  }

  /** Changes a run's preference. */
  async prefer(request: SetPreferenceRequestInput, metadata: Credentials): Promise<SetPreferenceResponseJson> {
    const answer = await this.#client.SetPreference(request, { deadlineMs, metadata });
    return toJson('gapo.training.v1.SetPreferenceResponse', answer);
  }

  /** Adds and removes objectives. */
  async changeObjectives(
    request: ChangeObjectivesRequestInput,
    metadata: Credentials,
  ): Promise<ChangeObjectivesResponseJson> {
    const answer = await this.#client.ChangeObjectives(request, { deadlineMs: startMs, metadata });
    return toJson('gapo.training.v1.ChangeObjectivesResponse', answer);
  }

  /** Checks whether runs can be averaged. @throws RpcError FAILED_PRECONDITION with the reason if they cannot */
  async checkSoup(ingredients: Readonly<Record<string, number>>, author: string, metadata: Credentials): Promise<void> {
    const request = { ingredients, author, validateOnly: true };
    await this.#client.CreateSoup(request, { deadlineMs: startMs, metadata });
  }

  close(): void {
    this.#client.close();
  }
}
