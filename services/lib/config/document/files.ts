/** The files that derive from the schema of the run configuration. This module runs as dist/document/files.js. */

/** The reference, whose tables are generated. */
export const referenceFile = new URL('../../../../../docs/configuration.md', import.meta.url);

/** The JSON Schema, which run.yaml files name for editors. */
export const jsonSchemaFile = new URL('../../../../../docs/run.schema.json', import.meta.url);
