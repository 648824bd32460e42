/** The run configuration as a JSON Schema, by which editors complete and check run.yaml. */
import { z } from '@gapo/service';
import { shape } from './runConfig.js';

/**
 * Returns the JSON Schema (draft 7) of run.yaml: keys, types, ranges, defaults and descriptions. Rules that involve
 * several keys are left to `parseRunConfig`.
 */
export function runConfigJsonSchema(): object {
  const schema = z.toJSONSchema(shape, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override({ jsonSchema }) {
      const { absent, description = '' } = jsonSchema;
      if (typeof absent === 'string') jsonSchema.description = `${description} Default: ${absent}.`;
      delete jsonSchema['absent'];
      delete jsonSchema['expected'];
      // The largest integer that a double holds exactly says nothing to a reader.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return { title: 'gapo run configuration', ...schema };
}
