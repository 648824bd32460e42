/** For tests: real HTTP servers, and reward services that call them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { answering as answeringAnywhere, json, type Asked } from '@gapo/http/testing';
import { served, type RewardClient } from '@gapo/reward/testing';
import { temporaryDirectory } from '@gapo/service/testing';
import type { RemoteOptions } from '../remote/remoteFile.js';
import { openHttpScorer } from './httpScorer.js';

/** Calls have no deadline because the machine may be busy. */
export const deadlineMs = Infinity;

/** A server whose responses at /score come from a function. */
export async function answering(...[t, answer, host]: Parameters<typeof answeringAnywhere>) {
  const { url, asked } = await answeringAnywhere(t, answer, host);
  return { url: `${url}/score`, asked };
}

/** A server that also knows vLLM's switch. The scorer's one request to check for it is not passed on. */
export async function answeringAsVllm(...[t, answer, host]: Parameters<typeof answeringAnywhere>) {
  const isQuestion = ({ body }: Asked): boolean => typeof body['use_activation'] === 'string';
  const { url, asked } = await answering(
    t,
    (one, response, ...rest) => {
      if (!isQuestion(one)) return answer(one, response, ...rest);
      json(response, { error: { message: "[{'type': 'bool_parsing', 'loc': ('body', 'use_activation')}]" } }, 400);
    },
    host,
  );
  return { url, asked: () => asked.filter((one) => !isQuestion(one)) };
}

/** Writes a YAML file into its own folder. */
export async function file(t: TestContext, yaml: string): Promise<string> {
  const path = join(await temporaryDirectory(t), 'reward.yaml');
  await writeFile(path, yaml);
  return path;
}

/** A reward service for a YAML file. */
export async function client(
  t: TestContext,
  yaml: string,
  options: Omit<RemoteOptions, 'path'> = {},
): Promise<RewardClient> {
  return served(t, await openHttpScorer({ path: await file(t, yaml), ...options }));
}

/** Three items. */
export const items = ['a', 'bb', 'ccc'].map((completion, i) => ({ id: String(i), prompt: 'p', completion }));

/** The score or the error of each item. */
export async function outcomes(service: RewardClient): Promise<unknown[]> {
  const { results } = await service.Score({ items }, { deadlineMs });
  return results.map(({ score, error }) => score ?? error);
}

/** The prompts with completions in a request in OpenRLHF's protocol. */
export function query(body: Record<string, unknown>): string[] {
  return body['query'] as string[];
}
