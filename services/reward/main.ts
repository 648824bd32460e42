/** A reward service as a process: settings, one scorer, one server. */
import { serve } from '@gapo/rpc';
import { attributeNames, runService, spanNames, withSpan } from '@gapo/telemetry';
import { ClassifierScorer } from './onnx/classifierScorer.js';
import { RulesScorer } from './rules/rulesScorer.js';
import type { Scorer } from './scorer.js';
import { rewardService } from './server.js';
import { type Settings, help, settings } from './settings.js';

/** Calls under way have this long to finish; less than the 10 seconds that runService allows for the whole stop. */
const shutdownGraceMs = 8000;

async function openScorer(s: Settings): Promise<Scorer> {
  const objective = s.OBJECTIVE;
  if (s.REWARD_KIND === 'onnx') {
    const directory = s.REWARD_MODEL as string;
    return withSpan(spanNames.modelLoad, { [attributeNames.model]: directory }, () =>
      ClassifierScorer.open({ directory, threads: s.THREADS, objective }),
    );
  }
  return RulesScorer.open({ path: s.REWARD_RULES as string, objective, itemTimeoutMs: s.ITEM_TIMEOUT_MS });
}

await runService({
  name: 'gapo-reward',
  help,
  async start({ log }) {
    const s = settings();
    const scorer = await openScorer(s);
    const { objective, model, version } = scorer.description;
    try {
      const server = await serve({ address: s.LISTEN, services: [rewardService(scorer)], shutdownGraceMs });
      log.info({ objective, model, version }, `scores '${objective}'`);
      const stop = async (): Promise<void> => {
        await server.stop();
        await scorer.close();
      };
      return { address: server.address, stop };
    } catch (error) {
      await scorer.close();
      throw error;
    }
  },
});
