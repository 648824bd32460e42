/** A reward service as a process: settings, a server per scorer, a clean stop. */
import { type RunningServer, serve } from '@gapo/rpc';
import {
  filePath,
  hostPort,
  readSettings,
  runService,
  settingsHelp,
  stopGraceSeconds,
  stopTimes,
  z,
} from '@gapo/service';
import { functionScorer, type Reward } from './functionScorer.js';
import type { Scorer, TextForm } from './scorer.js';
import { rewardService } from './service.js';

/** A reward service's process. */
export interface RewardProcess {
  /** Such as `gapo-reward`, for logs and traces. */
  readonly name: string;
  /** The text of `--help`. */
  readonly help: string;
  /** Opens the scorers, and returns them with their addresses. */
  readonly open: () => Promise<Opened>;
}

/** The opened scorers. */
export interface Opened {
  readonly endpoints: readonly Endpoint[];
  /** How many seconds calls in progress have to finish after SIGTERM. */
  readonly stopGraceSeconds: number;
}

/** A scorer and its address. */
export interface Endpoint {
  readonly scorer: Scorer;
  readonly address: string;
  /** The form of text to ask for, in place of the scorer's. */
  readonly textForm?: TextForm | undefined;
}

/** Runs a reward service until SIGTERM or SIGINT. */
export async function runRewardService({ name, help, open }: RewardProcess): Promise<void> {
  await runService({
    name,
    help,
    async start({ log }) {
      const { endpoints, stopGraceSeconds: graceSeconds } = await open();
      const { shutdownGraceMs, stopTimeoutMs } = stopTimes(graceSeconds);
      const servers: RunningServer[] = [];
      const stop = async (): Promise<void> => {
        await Promise.all(servers.map((server) => server.stop()));
        for (const { scorer } of endpoints) await scorer.close();
      };
      try {
        for (const { scorer, address, textForm } of endpoints) {
          const server = await serve({ address, services: [rewardService(scorer, textForm)], shutdownGraceMs });
          servers.push(server);
          const { objective, model, version } = scorer.description;
          log.info({ objective, model, version }, `scores '${objective}' at ${server.address}`);
        }
        return { address: servers.map(({ address }) => address).join(','), stop, stopTimeoutMs };
      } catch (error) {
        await stop();
        throw error;
      }
    },
  });
}

const schema = z.object({
  LISTEN: hostPort.default('127.0.0.1:50061').describe('The address to listen on; port 0 chooses a free port.'),
  ADDRESS_FILE: filePath.optional().describe('A file that receives the actual address. It is written atomically.'),
  STOP_GRACE_SECONDS: stopGraceSeconds,
});

/**
 * Serves a reward that a function computes: `gapo.reward.v1`, health, reflection, traces, limits, a clean stop on SIGTERM.
 * Reads LISTEN, ADDRESS_FILE, STOP_GRACE_SECONDS and OpenTelemetry's OTEL_* variables from the environment.
 *
 * @example
 * A service that prefers short completions, on 127.0.0.1:50061:
 *
 * ```ts
 * import { serveReward } from '@gapo/reward';
 *
 * await serveReward({
 *   objective: 'concise',
 *   score: ({ completion }) => 1 / (1 + completion.split(/\s+/).filter(Boolean).length),
 * });
 * ```
 */
export function serveReward(reward: Reward): Promise<void> {
  return runRewardService({
    name: `reward-${reward.objective}`,
    help: settingsHelp({
      title: `A reward service: scores completions for the objective ${reward.objective} (gapo.reward.v1).`,
      schema,
      example: 'LISTEN=0.0.0.0:50061 node main.js',
    }),
    async open() {
      const { LISTEN, STOP_GRACE_SECONDS } = readSettings(schema);
      return {
        endpoints: [{ scorer: functionScorer(reward), address: LISTEN }],
        stopGraceSeconds: STOP_GRACE_SECONDS,
      };
    },
  });
}
