/** Compares a model's metadata with the file that describes it, before anything is scored. Pure. */
import { shapeText } from '@gapo/numeric';
import type { ModelMetadataResponse } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import type { OipFile } from './oipFile.js';
import { isScoreDatatype, scoreDatatypes } from './tensors.js';

/** The inputs and the output, completed from the model's metadata. */
export type CheckedModel = Pick<OipFile, 'inputs' | 'output'>;

/**
 * Checks names, datatypes and shapes, and fills in from the metadata what the file does not specify. Inputs or outputs
 * not listed in the metadata are not checked.
 *
 * @param where the start of every error line
 * @throws UserError with a line for every mismatch
 */
export function checkedModel(file: OipFile, metadata: ModelMetadataResponse, where: string): CheckedModel {
  const problems: string[] = [];
  const inputs = file.inputs.map((input, i) => {
    if (metadata.inputs.length === 0) return input;
    const tensor = metadata.inputs.find(({ name }) => name === input.name);
    const refuse = (what: string): void => void problems.push(`inputs[${i}] ${what}`);
    if (tensor === undefined) refuse(`is ${input.name}; the model has ${namesOf(metadata.inputs)}`);
    else if (tensor.datatype !== 'BYTES')
      refuse(`${input.name} is ${tensor.datatype}; expected BYTES, which carries text`);
    else if (tensor.shape.length > 2 || (tensor.shape[1] ?? -1) > 1)
      refuse(`${input.name} has the shape ${shapeText(tensor.shape)}; expected [-1] or [-1, 1]`);
    else return { ...input, rank: input.rank ?? (tensor.shape.length === 2 ? (2 as const) : (1 as const)) };
    return input;
  });
  const output = checkedOutput(file.output, metadata.outputs, problems);
  if (problems.length > 0) throw new UserError(problems.map((problem) => `${where}: ${problem}`).join('\n'));
  return { inputs, output };
}

function checkedOutput(
  output: OipFile['output'],
  known: ModelMetadataResponse['outputs'],
  problems: string[],
): OipFile['output'] {
  const [first, ...others] = known;
  if (first === undefined) return output;
  const refuse = (what: string): void => void problems.push(`output ${what}`);
  if (output.name === undefined && others.length > 0) {
    refuse(`has no name; the model has ${namesOf(known)}`);
    return output;
  }
  const tensor = output.name === undefined ? first : known.find(({ name }) => name === output.name);
  if (tensor === undefined) {
    refuse(`is ${output.name}; the model has ${namesOf(known)}`);
    return output;
  }
  const { name, datatype, shape } = tensor;
  const [, width = 0] = shape;
  const columns = shape.length === 1 ? 1 : shape.length === 2 && width > 0 ? width : undefined;
  if (!isScoreDatatype(datatype)) refuse(`${name} is ${datatype}; a score can be read from ${scoreDatatypes}`);
  else if (shape.length > 2) refuse(`${name} has the shape ${shapeText(shape)}; expected [-1] or [-1, columns]`);
  else if (columns !== undefined && columns > 1 && output.column === undefined)
    refuse(`${name} has ${columns} columns; set column to the one to score`);
  else if (columns !== undefined && output.column !== undefined && output.column >= columns)
    refuse(`${name} has ${columns} columns; column is ${output.column}, expected 0 to ${columns - 1}`);
  else if (columns === 1 && output.activation === 'softmax')
    refuse(`${name} has one column, whose softmax is always 1; use sigmoid or raw`);
  return { ...output, name };
}

function namesOf(tensors: readonly { readonly name: string }[]): string {
  return tensors.map(({ name }) => name).join(', ');
}

/** Returns the newest version, which a server runs by default; numbers compare by value. Empty if there is none. */
export function newestOf(versions: readonly string[]): string {
  return versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? '';
}
