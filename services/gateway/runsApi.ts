/** Runs and their steps from the coordinator, as JSON. */
import {
  connect,
  RpcError,
  toJson,
  type Client,
  type ListRunsResponseJson,
  type RpcCode,
  type RunJson,
  type StepReportJson,
  type WatchRunResponse,
} from '@gapo/rpc';

const deadlineMs = 10_000;

/** How long a request waits for the coordinator after an outage: longer than the longest pause between two attempts to connect. */
const reconnectMs = 3000;

/** The HTTP status of an error of the coordinator. */
const httpStatus: Partial<Record<RpcCode, number>> = {
  NOT_FOUND: 404,
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

/** Returns the status and the message of the response to a request that failed. */
export function httpError(error: unknown): { status: number; message: string } {
  const known = RpcError.from(error);
  const status = httpStatus[known.code] ?? 500;
  const message = status === 503 ? `the coordinator does not answer: ${known.details}` : known.details;
  return { status, message };
}

/** Metadata by which the coordinator knows who asks. */
export type Credentials = Readonly<Record<string, string>>;

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
    const { run } = await this.#client.GetRun({ runId: id }, { deadlineMs, metadata });
    if (run === null) throw new RpcError('INTERNAL', 'the coordinator answered without a run');
    return toJson('gapo.training.v1.Run', run);
  }

  /** Returns the steps so far that follow a given one. @param most of them */
  async steps(id: string, after: number, metadata: Credentials, most = Infinity): Promise<StepReportJson[]> {
    const { step: last } = await this.get(id, metadata);
    const steps: StepReportJson[] = [];
    if (last <= after) return steps;
    for await (const { step } of this.#client.WatchRun({ runId: id, afterStep: after }, { deadlineMs, metadata })) {
      if (!step) continue;
      steps.push(toJson('gapo.training.v1.StepReport', step));
      if (step.step >= last || steps.length >= most) break;
    }
    return steps;
  }

  /** Follows the run: its steps after one, then each event, until it ends or the signal is aborted. */
  watch(
    id: string,
    after: number,
    options: { readonly signal: AbortSignal; readonly metadata: Credentials },
  ): AsyncIterable<WatchRunResponse> {
    return this.#client.WatchRun({ runId: id, afterStep: after }, { deadlineMs: Infinity, ...options });
  }

  close(): void {
    this.#client.close();
  }
}
