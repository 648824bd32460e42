/**
 * Writes the definition of TrainingRun, which is derived from the run configuration's schema: `npm run docs:crd`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { definitionFile, trainingRunText } from './definition.js';
import { trainingRuns } from './names.js';

const file = definitionFile(trainingRuns);
mkdirSync(new URL('.', file), { recursive: true });
writeFileSync(file, trainingRunText());
