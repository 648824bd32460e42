/**
 * Samples on servers of an existing engine: writes versions to a shared directory, distributes completions, and retries failures.
 */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { RequestFailure, type HttpClient } from '@gapo/http';
import { at, deriveSeed } from '@gapo/numeric';
import { checkSampling, type SampledCompletion, type SamplingOptions, type SamplingPrompt } from '@gapo/policy';
import { messageOf, retryDelayMs, RpcError } from '@gapo/rpc';
import { isExpected, type Logger } from '@gapo/service';
import { attributeNames, SpanKind, spanNames, withSpan } from '@gapo/tracing';
import type { Environment } from '@gapo/worker';
import type { Engine, SamplingShard } from '../engine.js';
import { EngineMember, type MemberLimits } from './engineMember.js';
import { overloadWaitMs } from './overload.js';
import { PolicyVolume, type VolumePlaces } from './policyVolume.js';
import type { CompletionRequest, EngineFacts, EngineProtocol, ServedPolicy } from './protocols/protocol.js';
import { toSampled, type AskedCompletion } from './sampledCompletion.js';
import { ServedModels, type ServedModel } from './servedModels.js';

/** Options of {@link ServedEngine}. */
export interface ServedEngineOptions extends MemberLimits {
  readonly protocol: EngineProtocol;
  readonly servers: readonly HttpClient[];
  readonly volume: VolumePlaces;
  /** The base of relative model directories. */
  readonly modelRoot: string;
  readonly log: Logger;
}

/** Maximum number of attempts at one completion. */
const maxAttempts = 4;
const pauses = { baseDelayMs: 100, maxDelayMs: 2000 } as const;
/** Maximum number of draws of one completion: if it contains an id without a token, it is drawn again. */
const maxDraws = 8;
/** Milliseconds for answering a coordinator's Identify call, whose own limit is 5 s. */
const identifyMs = 3000;
const healthMs = 5000;

/** What the completions of a shard have in common. */
interface ShardContext extends SamplingShard {
  readonly served: ServedPolicy;
  readonly model: ServedModel;
  readonly signal: AbortSignal;
}

/** An engine that samples on servers. */
export class ServedEngine implements Engine {
  readonly #protocol: EngineProtocol;
  readonly #members: readonly EngineMember[];
  readonly #models: ServedModels;
  readonly #volume: PolicyVolume;
  readonly #log: Logger;
  #healthTimer: NodeJS.Timeout | undefined;

  constructor({ protocol, servers, volume, modelRoot, log, ...limits }: ServedEngineOptions) {
    this.#protocol = protocol;
    this.#models = new ServedModels(modelRoot);
    this.#volume = new PolicyVolume(volume);
    this.#log = log;
    const unloaded = (name: string): void => {
      if (this.#members.some((member) => member.has(name))) return;
      this.#volume.remove(name).catch((error: unknown) => log.warn(`ENGINE_ADAPTER_DIR: ${messageOf(error)}`));
    };
    this.#members = servers.map((server) => new EngineMember(protocol, server, limits, log, unloaded));
  }

  /**
   * Returns what affects the servers' numbers. Servers that do not answer are omitted, unless none does.
   *
   * @throws RpcError UNAVAILABLE with the reason of each
   */
  async environment(): Promise<Environment> {
    const answers = await Promise.all(this.#members.map((member) => this.#answerOf(member)));
    const versions = [...new Set(answers.flatMap((answer) => (typeof answer === 'string' ? [] : [answer.version])))];
    if (versions.length > 1) {
      const list = versions.join(' and ');
      throw new RpcError('UNAVAILABLE', `ENGINE_URLS has servers of ${this.#protocol.name} ${list}; run one version`);
    }
    const [version] = versions;
    if (version === undefined) {
      throw new RpcError('UNAVAILABLE', answers.filter((answer) => typeof answer === 'string').join('; '));
    }
    return { engine: this.#protocol.name, engineVersion: version };
  }

  /** Returns a server's properties, or why it cannot serve. */
  async #answerOf(member: EngineMember): Promise<EngineFacts | string> {
    const late = new AbortController();
    const asked = Promise.all([member.facts(), member.checkHealth()]).then(
      ([facts]) => facts,
      (error: unknown) => this.#named(messageOf(error)),
    );
    const waited = delay(identifyMs, undefined, { signal: late.signal }).then(
      () => this.#named(`${member.server.name} has not yet identified itself`),
      () => '',
    );
    try {
      return await Promise.race([asked, waited]);
    } finally {
      late.abort();
    }
  }

  /** Observes whether any server can serve. */
  watchHealth(changed: (serving: boolean) => void): void {
    const ask = async (): Promise<void> => {
      const checks = this.#members.map((member) => member.checkHealth());
      changed(
        await Promise.any(checks).then(
          () => true,
          () => false,
        ),
      );
    };
    void ask();
    this.#healthTimer = setInterval(() => void ask(), healthMs);
  }

  async sample(
    shard: SamplingShard,
    emit: (completion: SampledCompletion) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const failed = new AbortController();
    try {
      const until = AbortSignal.any([signal, failed.signal]);
      setMaxListeners(0, until); // one listener per request
      const context = await this.#prepare(shard, until);
      const rows = rowsOf(context).values();
      const next = async (): Promise<void> => {
        for (const row of rows) emit(await this.#draw(context, row));
      };
      const { samplesPerPrompt, batch = Infinity } = shard.options;
      const lanes = Math.min(batch, shard.prompts.length * samplesPerPrompt);
      await Promise.all(Array.from({ length: lanes }, next));
    } catch (error) {
      throw asRpcError(error);
    } finally {
      failed.abort();
    }
  }

  /** Unloads the adapters. */
  async close(): Promise<void> {
    clearInterval(this.#healthTimer);
    await Promise.all(this.#members.map((member) => member.close()));
  }

  /** Checks a shard and writes its version to the shared directory. */
  async #prepare(shard: SamplingShard, signal: AbortSignal): Promise<ShardContext> {
    const { policy, version, prompts, options } = shard;
    const { lora } = policy.engine.trainable;
    const { name } = this.#protocol;
    if (lora?.exceptions !== undefined && lora.exceptions.length > 0) {
      throw new RpcError(
        'FAILED_PRECONDITION',
        `the adapter has modules with a rank or alpha of their own, which ENGINE=${name} does not apply; start from another, or set ENGINE=native`,
      );
    }
    const refusal = this.#protocol.refusal(options);
    if (refusal !== undefined) throw new RpcError('FAILED_PRECONDITION', refusal);
    const model = await this.#models.get(policy.engine);
    checkSampling(model.config, prompts, options);
    if ((options.stop ?? []).length > 0 && model.tokenizer === undefined) {
      throw new RpcError('FAILED_PRECONDITION', `stop needs tokenizer.json beside the model ${policy.engine.model}`);
    }
    const served = await this.#volume.write(policy, version, model.config, lora);
    return { ...shard, served, model, signal };
  }

  /** Samples a completion; draws again if it contains an id without a token. */
  async #draw(context: ShardContext, row: AskedCompletion): Promise<SampledCompletion> {
    for (let draw = 0; draw < maxDraws; draw++) {
      const sampled = await this.#sampleOnce(context, row, draw);
      if (sampled !== undefined) return sampled;
    }
    throw new RpcError(
      'FAILED_PRECONDITION',
      `${this.#protocol.name} drew ids without a token in each of ${maxDraws} completions of one prompt; set ENGINE=native, which leaves them out`,
    );
  }

  async #sampleOnce(
    { served, model, options, prompts, signal }: ShardContext,
    row: AskedCompletion,
    draw: number,
  ): Promise<SampledCompletion | undefined> {
    const { ids, index } = at(prompts, row.prompt);
    const request: CompletionRequest = {
      id: randomUUID(),
      policy: served,
      promptIds: ids,
      temperature: options.temperature,
      seed: completionSeed(options, index, row.sample, draw),
      maxTokens: row.limit,
      endIds: model.config.eosIds,
      stop: row.stop,
    };
    const tried = new Set<EngineMember>();
    for (let attempt = 1; ; attempt++) {
      const member = this.#choose(tried);
      try {
        return await this.#request(member, request, row, model, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof RequestFailure)) throw error;
        const waitMs = overloadWaitMs(error);
        const isLost = this.#protocol.lacksAdapter(error);
        if (!error.retryable && !isLost) throw new RpcError('FAILED_PRECONDITION', this.#named(error.message));
        if (waitMs === undefined && attempt >= maxAttempts)
          throw new RpcError('UNAVAILABLE', this.#named(error.message), { cause: error });
        if (!isLost) tried.add(member);
        this.#log.debug({ server: member.server.name, attempt }, error.message);
        await delay(waitMs ?? retryDelayMs({ ...pauses, seed: row.sample }, attempt), undefined, { signal });
      }
    }
  }

  async #request(
    member: EngineMember,
    request: CompletionRequest,
    row: AskedCompletion,
    model: ServedModel,
    signal: AbortSignal,
  ): Promise<SampledCompletion | undefined> {
    const { server } = member;
    const attributes = {
      [attributeNames.genAiOperation]: 'text_completion',
      [attributeNames.genAiProvider]: this.#protocol.name,
      [attributeNames.genAiModel]: request.policy.name,
      [attributeNames.genAiSeed]: request.seed,
      [attributeNames.genAiTemperature]: request.temperature,
      [attributeNames.genAiMaxTokens]: request.maxTokens,
      [attributeNames.genAiInputTokens]: request.promptIds.length,
      [attributeNames.serverAddress]: server.address.hostname,
      [attributeNames.serverPort]: Number(server.address.port) || (server.address.protocol === 'https:' ? 443 : 80),
    };
    return member.complete(request.policy, signal, (call) =>
      withSpan(
        spanNames.rolloutRequest,
        attributes,
        async (span) => {
          const sampled = await toSampled(await call(request), row, model, server.name);
          if (sampled !== undefined) {
            span.setAttributes({
              [attributeNames.genAiOutputTokens]: sampled.ids.length,
              [attributeNames.genAiFinishReasons]: [sampled.finishReason],
            });
          }
          return sampled;
        },
        { kind: SpanKind.CLIENT },
      ),
    );
  }

  /** Chooses the server with the fewest requests among those on which this one has not failed. */
  #choose(tried: ReadonlySet<EngineMember>): EngineMember {
    const fresh = this.#members.filter((member) => !tried.has(member));
    const able = fresh.length > 0 ? fresh : this.#members;
    return able.reduce((best, member) => (member.load < best.load ? member : best));
  }

  #named(what: string): string {
    return `the ${this.#protocol.name} server ${what}`;
  }
}

/** Returns the seed of one completion: it depends only on the request, not on which server samples it. */
function completionSeed({ seed, step }: SamplingOptions, index: number, sample: number, draw: number): number {
  return deriveSeed(seed, `completion ${step} ${index} ${sample} ${draw}`);
}

/** Every sample of every prompt. */
function rowsOf({ prompts, options, model }: ShardContext): AskedCompletion[] {
  const { samplesPerPrompt, maxNewTokens, stop = [], temperature } = options;
  const { context } = model.config;
  return prompts.flatMap(({ ids }: SamplingPrompt, prompt) =>
    Array.from({ length: samplesPerPrompt }, (_, sample) => ({
      prompt,
      sample,
      limit: Math.min(maxNewTokens, context - ids.length),
      stop,
      greedy: temperature === 0,
    })),
  );
}

/** Gives library errors the same codes as the native engine's. */
function asRpcError(error: unknown): unknown {
  if (error instanceof RangeError) return new RpcError('INVALID_ARGUMENT', error.message, { cause: error });
  if (isExpected(error)) return new RpcError('FAILED_PRECONDITION', error.message, { cause: error });
  return error;
}
