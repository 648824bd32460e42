/**
 * The files with the custom resource definitions, which are part of the chart. This module runs as dist/resource/definition.js.
 */
import { yamlText } from '@gapo/service';
import { group, type ResourceNames } from './names.js';
import { rewardServiceDefinition } from './rewardServiceResource.js';
import type { JsonSchema } from './structuralSchema.js';
import { trainingRunDefinition } from './trainingRunResource.js';

/** Returns the URL of a definition's file. */
export function definitionFile({ plural }: ResourceNames): URL {
  return new URL(`../../../../deploy/helm/gapo/resources/${plural}.${group}.yaml`, import.meta.url);
}

/** Returns the text of TrainingRun's file: `npm run docs:crd` writes it. */
export function trainingRunText(): string {
  return `# Generated from the schema of the run configuration by \`npm run docs:crd\`.\n${yamlText(trainingRunDefinition())}`;
}

/**
 * Returns the text of RewardService's file: `npm run docs:rewards` writes it.
 *
 * @param rulesFile the JSON Schema of a rules file
 */
export function rewardServiceText(rulesFile: JsonSchema): string {
  return `# Generated from the schema of reward kinds and rules by \`npm run docs:rewards\`.\n${yamlText(rewardServiceDefinition(rulesFile))}`;
}
