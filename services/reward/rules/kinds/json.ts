/** Whether a completion is JSON, and of the form that a JSON Schema asks for. */
import { z } from '@gapo/service';
import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { common, ruleKind } from './ruleKind.js';

const schema = z
  .object({
    kind: z.literal('json'),
    /** text: the whole completion; fence: what its first code fence holds. */
    from: z.enum(['text', 'fence']).default('text'),
    /** A JSON Schema. */
    schema: z.record(z.string(), z.unknown()).meta({ expected: 'a JSON Schema, a mapping' }).optional(),
    ...common,
  })
  .superRefine(({ schema: given }, context) => {
    if (given === undefined) return;
    try {
      validator(given);
    } catch (error) {
      const message = `a JSON Schema (${(error as Error).message})`;
      context.addIssue({ code: 'custom', path: ['schema'], message });
    }
  });

export const json = ruleKind({
  schema,
  measure({ from, schema: given }) {
    const valid = given === undefined ? () => true : validator(given);
    return ({ completion }) => {
      const source = from === 'text' ? completion : fenced(completion);
      if (source === undefined) return 0;
      try {
        return valid(JSON.parse(source)) ? 1 : 0;
      } catch (error) {
        // No JSON, or nested deeper than can be followed.
        if (error instanceof SyntaxError || error instanceof RangeError) return 0;
        throw error;
      }
    };
  },
});

/** Draft 7 where the schema says so, else 2020-12. Unknown keywords are errors; formats are not checked. */
function validator(given: AnySchema & { $schema?: unknown }): ValidateFunction {
  const Dialect = /draft-07/.test(String(given.$schema)) ? Ajv : Ajv2020;
  return new Dialect({ validateFormats: false, logger: false }).compile(given);
}

/** What the first fenced code block holds (https://spec.commonmark.org/0.31.2/#fenced-code-blocks); undefined where none is closed. */
export function fenced(text: string): string | undefined {
  const lines = text.split(/\r?\n/);
  const opening = lines.findIndex((line) => fence.test(line));
  const marks = fence.exec(lines[opening] ?? '')?.[1];
  if (marks === undefined) return undefined;
  const rest = lines.slice(opening + 1);
  const closes = (line: string): boolean => {
    const bare = line.trim();
    return bare.length >= marks.length && bare === marks[0]!.repeat(bare.length);
  };
  const closing = rest.findIndex(closes);
  return closing < 0 ? undefined : rest.slice(0, closing).join('\n');
}

/** A line that opens a code block. */
const fence = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;
