/** The reward service that needs no code: classifiers, rules or somebody else who is asked, by environment variables. */
import { type Endpoint, type Opened, runRewardService, type Scorer } from '@gapo/reward';
import { attributeNames, spanNames, withSpan } from '@gapo/tracing';
import { openHttpScorer } from './http/httpScorer.js';
import { openOipScorer } from './oip/oipScorer.js';
import { ClassifierHost } from './onnx/classifierHost.js';
import { RulesScorer } from './rules/rulesScorer.js';
import { type Settings, help, portAfter, settings } from './settings.js';

async function hosted(s: Settings): Promise<readonly Endpoint[]> {
  const directories = s.REWARD_MODEL ?? [];
  const classifiers = directories.map((directory, k) => ({ directory, objective: s.OBJECTIVE?.[k] }));
  const host = await withSpan(spanNames.modelLoad, { [attributeNames.model]: directories.join(',') }, () =>
    ClassifierHost.open(classifiers, {
      threads: s.THREADS,
      device: s.DEVICE,
      latencyBoundMs: s.LATENCY_BOUND_MS,
      batchWaitMs: s.BATCH_WAIT_MS,
      queueItems: s.QUEUE_ITEMS,
    }),
  );
  return host.scorers.map((scorer, k) => ({ scorer, address: portAfter(s.LISTEN, k) }));
}

function openScorer(s: Settings): Promise<Scorer> {
  const [objective, token] = [s.OBJECTIVE?.[0], s.REWARD_TOKEN];
  if (s.REWARD_KIND === 'http') return openHttpScorer({ path: s.REWARD_HTTP as string, objective, token });
  if (s.REWARD_KIND === 'oip') return openOipScorer({ path: s.REWARD_OIP as string, objective, token });
  return RulesScorer.open({ path: s.REWARD_RULES as string, objective, itemTimeoutMs: s.ITEM_TIMEOUT_MS });
}

async function open(): Promise<Opened> {
  const s = settings();
  const endpoints = s.REWARD_KIND === 'onnx' ? await hosted(s) : [{ scorer: await openScorer(s), address: s.LISTEN }];
  return { endpoints, stopGraceSeconds: s.STOP_GRACE_SECONDS };
}

await runRewardService({ name: 'gapo-reward', help, open });
