/** `policy`: the model to train, and which of its weights. */
import { loraTargets } from '@gapo/model';
import { directory, positiveInt, positiveNumber, z } from '@gapo/service';
import { chatTemplateKwargs } from '../chatTemplateKwargs.js';
import { checkCondition, conditionSchema, type ConditionContext } from './condition.js';
import type { Refuse } from './section.js';

const lora = z.strictObject({
  rank: positiveInt.default(16).describe('Rank of the adapters.'),
  alpha: positiveNumber.default(32).describe("The adapters' output is scaled by alpha / rank."),
  targets: z
    .union([z.literal('all-linear'), z.array(z.enum(loraTargets)).min(1)])
    .meta({ expected: `all-linear, or a list of ${loraTargets.join(', ')}` })
    .default('all-linear')
    .describe('Linear layers with an adapter, by the last part of their names.'),
});

const schema = z
  .strictObject({
    model: directory.describe('Directory of a Hugging Face model.'),
    train: z
      .enum(['lora', 'full'])
      .default('lora')
      .describe('The trained weights. `lora`: low-rank adapters. `full`: every weight.'),
    lora: lora
      .optional()
      .meta({ absent: 'its defaults, or what `adapter` has' })
      .describe('The low-rank adapters. Only with `train: lora`.'),
    ignoreKeys: z
      .array(z.string().min(1))
      .optional()
      .meta({ absent: 'none' })
      .describe(
        "Keys of the model's and the adapter's JSON files to treat as absent, if gapo rejects them although they do not affect " +
          'the computation. `a.b` is the key b of the object a. Also tensors that the model does not need, by name or prefix.',
      ),
    chatTemplateKwargs: chatTemplateKwargs.optional().meta({ absent: 'none' }),
    adapter: directory
      .optional()
      .describe('Directory of a PEFT adapter to start from; `lora` must agree with it. Only with `train: lora`.'),
    condition: conditionSchema,
  })
  .describe('The policy: its model and its trained weights.');

type Policy = z.output<typeof schema>;

function check(config: ConditionContext & { readonly policy: Policy }, refuse: Refuse): void {
  checkCondition(config, refuse);
  const { train, lora: adapters, adapter } = config.policy;
  if (train === 'lora') return;
  if (adapters !== undefined) refuse(['policy', 'lora'], 'no lora, since policy.train is full');
  if (adapter !== undefined) refuse(['policy', 'adapter'], 'no adapter, since policy.train is full');
}

/** The policy. */
export const policy = { schema, check };

/** Adds default adapters to a policy with `train: lora` that has neither `lora` nor `adapter`. */
export function withLora(written: Policy): Policy {
  const described = written.lora ?? written.adapter;
  return written.train === 'lora' && described === undefined ? { ...written, lora: lora.parse({}) } : written;
}
