/** The file that derives from the declarations. This module runs as dist/document/files.js. */

/** The reference, whose tables are generated. */
export const referenceFile = new URL('../../../../../docs/telemetry.md', import.meta.url);
