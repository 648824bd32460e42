/** Code blocks of the documents, run by tests as written. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { project } from './platform.fixture.js';

/** A fenced code block. */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
}

/** Returns the code blocks of a section, in order. `document` is a path from the project's root. */
export async function codeOf(document: string, heading: string): Promise<readonly CodeBlock[]> {
  const text = await readFile(join(project, document), 'utf8');
  const [, section] = text.split(`## ${heading}\n`);
  assert.ok(section !== undefined, `${document} has no section "${heading}"`);
  const [own = ''] = section.split('\n## ');
  return [...own.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language = '', code = '']) => ({ language, code }));
}
