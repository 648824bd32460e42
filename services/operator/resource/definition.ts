/** The file with the definition of the custom resource: `npm run docs:crd` writes it. This module runs as dist/resource/definition.js. */
import { yamlText } from '@gapo/service';
import { customResource } from './customResource.js';

/** The file, a part of the chart. */
export const definitionFile = new URL(
  '../../../../deploy/helm/gapo/resources/trainingruns.gapo.dev.yaml',
  import.meta.url,
);

/** Returns its text. */
export function definitionText(): string {
  const note = '# Generated from the schema of the run configuration by `npm run docs:crd`.\n';
  return note + yamlText(customResource());
}
