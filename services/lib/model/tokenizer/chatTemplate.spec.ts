/** Chat templates in the style of published ones render conversations as transformers does. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { UserError } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { ChatTemplate, type Turn } from './chatTemplate.js';

const oracle = new URL('../../../../../test/oracle/', import.meta.url);
const { now, specialTokens, conversations, variables, texts } = JSON.parse(
  readFileSync(new URL('values/chat_templates.json', oracle), 'utf8'),
) as {
  readonly now: string;
  readonly specialTokens: Readonly<Record<string, string>>;
  readonly conversations: readonly (readonly Turn[])[];
  readonly variables: readonly Readonly<Record<string, unknown>>[];
  /**
   * By template, the rendering of each conversation: with the reply closed and open, for each set of variables; null if
   * refused.
   */
  readonly texts: Readonly<Record<string, readonly (string | null)[]>>;
};

for (const [name, expected] of Object.entries(texts)) {
  test(name, async (t) => {
    const directory = await temporaryDirectory(t);
    const source = fileURLToPath(new URL(`text/chat_templates/${name}.jinja`, oracle));
    await copyFile(source, join(directory, 'chat_template.jinja'));
    const templates = await Promise.all(
      variables.map((some) => ChatTemplate.read(directory, {}, specialTokens, { variables: some, now: new Date(now) })),
    );
    const rendered = conversations.flatMap((turns) =>
      [false, true].flatMap((openReply) =>
        templates.map((template) => {
          try {
            return template?.render(turns, openReply);
          } catch (error) {
            assert.ok(error instanceof UserError, String(error));
            return null;
          }
        }),
      ),
    );
    assert.deepEqual(rendered, expected);
  });
}
