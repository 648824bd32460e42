/**
 * The trackers of a coordinator: everything that its runs do is recorded in the tools people already
 * use.
 */
import type { Logger } from '@gapo/service';
import { Delivery } from './delivery.js';
import { MlflowTracker } from './mlflow/mlflowTracker.js';
import { TensorboardTracker } from './tensorboard/tensorboardTracker.js';
import type { TrackedRun, Tracker } from './tracked/tracker.js';

/** The settings of trackers. */
export interface TrackingSettings {
  readonly MLFLOW_TRACKING_URI?: string | undefined;
  readonly MLFLOW_EXPERIMENT_NAME: string;
  readonly MLFLOW_TRACKING_TOKEN?: string | undefined;
  readonly MLFLOW_TRACKING_USERNAME?: string | undefined;
  readonly MLFLOW_TRACKING_PASSWORD?: string | undefined;
  readonly TENSORBOARD_DIR?: string | undefined;
}

/** Records runs. It never delays or fails a step. */
export class Tracking {
  readonly #deliveries: readonly Delivery[];

  constructor(trackers: readonly Tracker[], log: Logger) {
    this.#deliveries = trackers.map((tracker) => new Delivery(tracker, log));
  }

  /**
   * Records a run's events, including past ones. Returns a function to call when there are new events.
   */
  follow(run: TrackedRun): () => void {
    const wakes = this.#deliveries.map((delivery) => delivery.follow(run));
    return () => {
      for (const wake of wakes) wake();
    };
  }

  /** Records what is left within the time limit, and stops. */
  async close(timeoutMs: number): Promise<void> {
    await Promise.all(this.#deliveries.map((delivery) => delivery.close(timeoutMs)));
  }
}

/**
 * Creates the trackers that the settings name. Nothing is read or written yet.
 *
 * @throws UserError if the environment's proxy is not a URL
 */
export function createTracking(settings: TrackingSettings, log: Logger): Tracking {
  const { MLFLOW_TRACKING_URI: mlflow, TENSORBOARD_DIR: tensorboard } = settings;
  const trackers: Tracker[] = [];
  if (mlflow !== undefined) {
    trackers.push(
      new MlflowTracker({
        url: mlflow,
        experiment: settings.MLFLOW_EXPERIMENT_NAME,
        token: settings.MLFLOW_TRACKING_TOKEN,
        username: settings.MLFLOW_TRACKING_USERNAME,
        password: settings.MLFLOW_TRACKING_PASSWORD,
        log,
      }),
    );
  }
  if (tensorboard !== undefined) trackers.push(new TensorboardTracker(tensorboard, log));
  return new Tracking(trackers, log);
}
