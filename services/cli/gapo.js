#!/usr/bin/env node
/** `gapo`: a file that npm can link to before anything is compiled. The command itself is main.ts. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('./dist/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error(`gapo is not compiled: run \`make build\` in ${fileURLToPath(new URL('../../', import.meta.url))}`);
  process.exitCode = 2;
}
