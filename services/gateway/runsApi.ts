/** Runs and their steps, asked of the coordinator, as the page's JSON. */
import { runJson, stepJson, type RunData, type StepData } from '@gapo/page';
import { connect, RpcError, type Client, type RpcCode, type WatchRunResponse } from '@gapo/rpc';

const deadlineMs = 10_000;

/** What an error of the coordinator is over HTTP. */
const httpStatus: Partial<Record<RpcCode, number>> = {
  NOT_FOUND: 404,
  INVALID_ARGUMENT: 400,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

/** The status and the text that answer a request which failed. */
export function httpError(error: unknown): { status: number; message: string } {
  const known = RpcError.from(error);
  const status = httpStatus[known.code] ?? 500;
  const message = status === 503 ? `the coordinator does not answer: ${known.details}` : known.details;
  return { status, message };
}

/** Asks one coordinator. Everything throws RpcError. */
export class RunsApi {
  readonly #client: Client<'gapo.training.v1.TrainingService'>;

  constructor(coordinator: string) {
    this.#client = connect('gapo.training.v1.TrainingService', coordinator);
  }

  /** Newest first. */
  async list(): Promise<RunData[]> {
    const { runs } = await this.#client.ListRuns({}, { deadlineMs });
    return runs.map(runJson);
  }

  async get(id: string): Promise<RunData> {
    const { run } = await this.#client.GetRun({ runId: id }, { deadlineMs });
    if (run === null) throw new RpcError('INTERNAL', 'the coordinator answered without a run');
    return runJson(run);
  }

  /** The steps taken so far, after a given one. */
  async steps(id: string, after: number): Promise<StepData[]> {
    const { step: last } = await this.get(id);
    const steps: StepData[] = [];
    if (last <= after) return steps;
    for await (const { step } of this.#client.WatchRun({ runId: id, afterStep: after }, { deadlineMs })) {
      if (!step) continue;
      steps.push(stepJson(step));
      if (step.step >= last) break;
    }
    return steps;
  }

  /** The run's steps after one, then whatever happens, until it ends or the signal is aborted. */
  watch(id: string, after: number, signal: AbortSignal): AsyncIterable<WatchRunResponse> {
    return this.#client.WatchRun({ runId: id, afterStep: after }, { deadlineMs: Infinity, signal });
  }

  close(): void {
    this.#client.close();
  }
}
