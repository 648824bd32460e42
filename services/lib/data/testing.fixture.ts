/** For tests: data files with given contents, and their rows. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { rowsOf } from './files/rows.js';

/** Writes a file that is removed after the test, and returns its path. */
export async function dataFile(t: TestContext, name: string, content: string | Uint8Array): Promise<string> {
  const file = join(await temporaryDirectory(t), name);
  await writeFile(file, content);
  return file;
}

/** Reads all rows of a file. */
export async function rowsIn(file: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const rows: Readonly<Record<string, unknown>>[] = [];
  for await (const { columns } of rowsOf(file)) rows.push(columns());
  return rows;
}
