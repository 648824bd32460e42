/** The environment variables of a reward service: the common ones, and those declared by the kinds. */
import { textForm, textVariable, variableOf, type RewardKind, type TextForm } from '@gapo/config';
import { filePath, hostPort, readSettings, schemaWords, settingsHelp, stopGraceSeconds, word, z } from '@gapo/service';
import type { HostedKind, HostedKinds, HostedSource } from './hostedKind.js';

/** The settings of a reward service. */
export interface Settings extends HostedSource {
  /** The kind named in REWARD_KIND. */
  readonly hosted: HostedKind;
  /** The address on which the first entry's scorer listens. */
  readonly listen: string;
  /** The text form to request; undefined for the scorer's own. */
  readonly textForm: TextForm | undefined;
  /** How many seconds calls in progress have to finish when the service stops. */
  readonly stopGraceSeconds: number;
}

/** The variables common to all kinds. */
function commonVariables(kinds: HostedKinds) {
  const summaries = Object.entries(kinds).map(([name, { kind }]) => `${name} (${kind.summary})`);
  return {
    LISTEN: hostPort
      .default('127.0.0.1:50061')
      .describe('The address to listen on; port 0 chooses a free port. Each further entry takes the next port.'),
    REWARD_KIND: z.enum(Object.keys(kinds)).describe(`What computes the scores: ${summaries.join(', ')}.`),
    OBJECTIVE: z
      .array(word)
      .optional()
      .describe("The objective's name, instead of the one in the source; one per entry, separated by commas.")
      .meta({ expected: 'words of at most 63 letters, digits, "-" and "_"' }),
    [textVariable]: textForm
      .optional()
      .describe('The text to ask for: clean, without special tokens, or raw, as the policy read and wrote it.'),
    ADDRESS_FILE: filePath.optional().describe('A file that receives the actual address. It is written atomically.'),
    STOP_GRACE_SECONDS: stopGraceSeconds,
  };
}

/** A variable that a kind declares. */
interface KindVariable {
  readonly variable: string;
  /** The kind's schema; several kinds may share one. */
  readonly declared: z.ZodType;
  /** Whether the value is a list with one element per entry. */
  readonly several: boolean;
}

function variablesOf({ entry, settings, shared = false }: RewardKind): KindVariable[] {
  return [
    ...Object.entries(entry).map(([key, declared]) => ({ variable: variableOf(key), declared, several: shared })),
    ...Object.entries(settings).map(([variable, declared]) => ({ variable, declared, several: false })),
  ];
}

/** The schema of a variable. Keys of entries are optional here: REWARD_KIND decides which ones are required. */
function schemaOf({ variable, declared, several }: KindVariable, { settings }: RewardKind): z.ZodType {
  if (Object.hasOwn(settings, variable)) return declared;
  const list = z.array(declared).meta({ expected: `${schemaWords(declared)}, or several separated by commas` });
  return (several ? list : declared).optional();
}

/**
 * The variables that the kinds declare.
 *
 * @throws RangeError if two kinds declare a variable with different schemas
 */
function kindVariables(kinds: HostedKinds): Record<string, z.ZodType> {
  const known = new Map<string, KindVariable & { readonly schema: z.ZodType; readonly by: readonly string[] }>();
  for (const [name, { kind }] of Object.entries(kinds)) {
    for (const one of variablesOf(kind)) {
      const { variable, declared, several } = one;
      const before = known.get(variable) ?? { ...one, schema: schemaOf(one, kind), by: [] };
      if (before.declared !== declared || before.several !== several) {
        throw new RangeError(
          `reward kinds ${before.by.join(', ')} and ${name} declare ${variable}: share one schema or rename`,
        );
      }
      known.set(variable, { ...before, by: [...before.by, name] });
    }
  }
  const described = [...known].map(([variable, { schema, declared, by }]): [string, z.ZodType] => [
    variable,
    schema.describe(`With REWARD_KIND=${by.join(' or ')}: ${declared.description ?? ''}.`),
  ]);
  return Object.fromEntries(described);
}

/** @throws RangeError if no kind has that name */
function named(kinds: HostedKinds, name: string): HostedKind {
  const hosted = kinds[name];
  if (hosted === undefined) throw new RangeError(`no reward kind is named ${name}`);
  return hosted;
}

/** Counts the entries described by the values of a kind's variables. */
function entryCount({ entry, shared = false }: RewardKind, values: Readonly<Record<string, unknown>>): number {
  const [first] = Object.keys(entry).map((key) => values[variableOf(key)]);
  return shared && Array.isArray(first) ? first.length : 1;
}

function settingsSchema(kinds: HostedKinds) {
  const common = commonVariables(kinds);
  return z.object({ ...common, ...kindVariables(kinds) }).superRefine((values: Record<string, unknown>, context) => {
    const { REWARD_KIND: name, OBJECTIVE: objectives } = z.object(common).parse(values);
    const refuse = (variable: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [variable], message });
    const { kind } = named(kinds, name);
    const count = entryCount(kind, values);
    for (const [key, schema] of Object.entries(kind.entry)) {
      const value = values[variableOf(key)];
      const required = !schema.safeParse(undefined).success;
      if (value === undefined && required)
        refuse(variableOf(key), `${schemaWords(schema)}, because REWARD_KIND is ${name}`);
      if (Array.isArray(value) && value.length !== count) refuse(variableOf(key), `${count} values, one per entry`);
    }
    if (objectives !== undefined && objectives.length !== count) {
      const each = `one per value of ${Object.keys(kind.entry).map(variableOf).join(' and ')}`;
      refuse('OBJECTIVE', count === 1 ? 'one objective' : `${count} objectives, ${each}`);
    }
  });
}

/**
 * Reads the settings.
 *
 * @throws ConfigError with every problem
 */
export function settings(kinds: HostedKinds, env: NodeJS.ProcessEnv = process.env): Settings {
  const values: Readonly<Record<string, unknown>> = readSettings(settingsSchema(kinds), env);
  const common = z.object(commonVariables(kinds)).parse(values);
  const { LISTEN, REWARD_KIND, OBJECTIVE, STOP_GRACE_SECONDS } = common;
  const hosted = named(kinds, REWARD_KIND);
  const { kind } = hosted;
  const keys = Object.keys(kind.entry);
  const entries = Array.from({ length: entryCount(kind, values) }, (_, i) => {
    const valueOf = (key: string): unknown => {
      const value = values[variableOf(key)];
      return kind.shared && Array.isArray(value) ? (value as unknown[])[i] : value;
    };
    return { ...Object.fromEntries(keys.map((key) => [key, valueOf(key)])), objective: OBJECTIVE?.[i] };
  });
  return {
    hosted,
    listen: LISTEN,
    textForm: common[textVariable],
    stopGraceSeconds: STOP_GRACE_SECONDS,
    entries,
    settings: values,
  };
}

/** The output of `--help`. */
export function help(kinds: HostedKinds): string {
  return settingsHelp({
    title: 'A reward service: scores completions (gapo.reward.v1) by the kind that REWARD_KIND names.',
    schema: settingsSchema(kinds),
    example: `REWARD_KIND=onnx REWARD_MODEL=models/helpful LISTEN=127.0.0.1:50061 \\
  node --import ./services/lib/tracing/dist/preload.js services/reward/dist/main.js`,
  });
}
