/** Writes the files that derive from the schema: `npm run docs:configuration`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { runConfigJsonSchema } from '../run/jsonSchema.js';
import { jsonSchemaFile, referenceFile } from './files.js';
import { withTables } from './tables.js';

writeFileSync(referenceFile, withTables(readFileSync(referenceFile, 'utf8')));
writeFileSync(jsonSchemaFile, `${JSON.stringify(runConfigJsonSchema(), null, 2)}\n`);
