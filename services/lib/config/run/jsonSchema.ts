/** The run configuration as a JSON Schema, with which editors complete and check run.yaml. */
import { z } from '@gapo/service';
import { shape } from './runConfig.js';

/**
 * Returns the JSON Schema (draft 7) of run.yaml: keys, types, ranges, defaults and descriptions. Only `parseRunConfig`
 * checks rules that involve several keys.
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
      // The largest safe integer is not a limit that a reader needs.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return { title: 'gapo run configuration', ...schema };
}
