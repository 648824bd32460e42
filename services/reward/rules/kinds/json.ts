/** Whether a completion is JSON, and valid under a JSON Schema. */
import { shortened, z } from '@gapo/service';
import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { ruleKind } from './ruleKind.js';

/** Maximum characters that an error quotes about a schema's problem. */
const longestReason = 200;

export const json = ruleKind({
  name: 'json',
  measures:
    '1 if the completion is JSON that is valid under `schema`, else 0; with `from: fence` its first closed code fence counts',
  keys: {
    /** text: the whole completion; fence: the content of its first code fence. */
    from: z.enum(['text', 'fence']).default('text'),
    schema: z.record(z.string(), z.unknown()).meta({ expected: 'a JSON Schema, a mapping' }).optional(),
  },
  check({ schema }, refuse) {
    if (schema === undefined) return;
    try {
      validator(schema);
    } catch (error) {
      refuse('schema', `a JSON Schema (${shortened((error as Error).message, longestReason)})`);
    }
  },
  measure({ from, schema }) {
    const valid = schema === undefined ? () => true : validator(schema);
    return ({ completion }) => {
      const source = from === 'text' ? completion : fenced(completion);
      if (source === undefined) return 0;
      try {
        return valid(JSON.parse(source)) ? 1 : 0;
      } catch (error) {
        // Not JSON, or nested too deeply to parse.
        if (error instanceof SyntaxError || error instanceof RangeError) return 0;
        throw error;
      }
    };
  },
});

/**
 * Compiles a schema: draft 7 if its $schema says so, otherwise 2020-12. Unknown keywords are errors; formats are not
 * checked.
 */
function validator(given: AnySchema & { $schema?: unknown }): ValidateFunction {
  const options = { validateFormats: false, logger: false } as const;
  const ajv = /draft-07/.test(String(given.$schema)) ? new Ajv(options) : new Ajv2020(options);
  return ajv.compile(given);
}

/** Returns the content of the first fenced code block (https://spec.commonmark.org/0.31.2/#fenced-code-blocks); undefined if none is closed. */
export function fenced(text: string): string | undefined {
  const lines = text.split(/\r?\n/);
  const opening = lines.findIndex((line) => fence.test(line));
  const marks = fence.exec(lines[opening] ?? '')?.[1];
  const [mark] = marks ?? '';
  if (marks === undefined || mark === undefined) return undefined;
  const rest = lines.slice(opening + 1);
  const closes = (line: string): boolean => {
    const bare = line.trim();
    return bare.length >= marks.length && bare === mark.repeat(bare.length);
  };
  const closing = rest.findIndex(closes);
  return closing < 0 ? undefined : rest.slice(0, closing).join('\n');
}

/** A line that opens a code block. */
const fence = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;
