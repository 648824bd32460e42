/** The text of `--help`, in the same format for every service. */
import type { z } from 'zod';
import { describeSettings, type SettingRow } from './environment.js';
import { transportSchema } from './transport.js';

/** Options of {@link settingsHelp}. */
export interface HelpOptions {
  /** The program in one sentence. */
  title: string;
  /** Its environment variables. */
  schema: z.ZodObject;
  /** A working command line, its continuation lines joined with a backslash. */
  example: string;
  /**
   * The rest of the text: a closing paragraph, for a program that is not a service.
   * @default the variables of every service
   */
  extra?: string;
}

/** Minimum width of the column of variables. */
const narrowest = 14;

/** Returns the help text of a program whose settings are environment variables, with a trailing line break. */
export function settingsHelp({ title, schema, example, extra = everyService() }: HelpOptions): string {
  const settings = rowsText(describeSettings(schema));
  const command = example
    .split('\n')
    .map((line) => `  ${line}\n`)
    .join('');
  return `${title}\n\nSettings are environment variables:\n\n${settings}\n${extra}\n\nExample:\n${command}`;
}

function rowsText(rows: readonly SettingRow[]): string {
  const width = Math.max(narrowest, ...rows.map(({ name }) => name.length));
  const lines = rows.map((row) => {
    const [name, indent] = [row.name.padEnd(width), ' '.repeat(width)];
    return `  ${name}  ${row.description}\n  ${indent}  ${row.expected}; ${state(row)}\n`;
  });
  return lines.join('');
}

/** The variables of every service, which its own schema does not contain. */
function everyService(): string {
  const rows = rowsText(describeSettings(transportSchema));
  return `Settings of every service:\n\n${rows}\nAlso LOG_LEVEL and the OTEL_* variables of OpenTelemetry.`;
}

function state({ required, default: value }: SettingRow): string {
  if (required) return 'required';
  return value === undefined || value === '' ? 'optional' : `default ${value}`;
}
