/** Samples whole runs: a step without its neighbours says little about a training. */
import { createHash } from 'node:crypto';
import { propagation, type Attributes, type Context } from '@opentelemetry/api';
import { tracing } from '@opentelemetry/sdk-node';
import { attributeNames } from './declared/attributes.js';

/**
 * Returns a sampler that traces every step and evaluation of a share of the runs, whichever process they begin in. Spans below
 * another follow it. A trace without a run is sampled by its own id.
 *
 * @param ratio from 0 to 1
 */
export function runSampler(ratio: number): tracing.Sampler {
  const byTrace = new tracing.TraceIdRatioBasedSampler(ratio);
  const { NOT_RECORD, RECORD_AND_SAMPLED } = tracing.SamplingDecision;
  const root: tracing.Sampler = {
    shouldSample(context: Context, traceId: string, _name: string, _kind: unknown, attributes: Attributes) {
      const runId = attributes[attributeNames.runId] ?? runOf(context);
      if (typeof runId !== 'string') return byTrace.shouldSample(context, traceId);
      return { decision: isSampled(runId, ratio) ? RECORD_AND_SAMPLED : NOT_RECORD };
    },
    toString: () => `RunRatio{${ratio}}`,
  };
  return new tracing.ParentBasedSampler({ root });
}

/** Whether a run is among a share of all runs. */
export function isSampled(runId: string, ratio: number): boolean {
  return createHash('sha256').update(runId).digest().readUInt32BE(0) < ratio * 2 ** 32;
}

function runOf(context: Context): string | undefined {
  return propagation.getBaggage(context)?.getEntry(attributeNames.runId)?.value;
}
