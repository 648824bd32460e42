/** Writes the definition of the custom resource, which derives from the run configuration's schema: `npm run docs:crd`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { definitionFile, definitionText } from './definition.js';

mkdirSync(new URL('.', definitionFile), { recursive: true });
writeFileSync(definitionFile, definitionText());
