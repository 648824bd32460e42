/** Writes the tables of docs/telemetry.md: `npm run docs:telemetry`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { referenceFile } from './files.js';
import { withTables } from './tables.js';

writeFileSync(referenceFile, withTables(readFileSync(referenceFile, 'utf8')));
