/** A model's metadata against the file that describes it: what is wrong is said before anything is scored. Pure. */
import type { ModelMetadataResponse } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import type { OipFile } from './oipFile.js';
import { isScoreDatatype, scoreDatatypes } from './tensors.js';

/** What a file says once the model's metadata has filled it in. */
export type CheckedModel = Pick<OipFile, 'inputs' | 'output'>;

/**
 * Checks names, datatypes and shapes, and takes from the metadata what the file leaves open. A server that tells nothing of
 * inputs or of outputs is believed to have those of the file.
 *
 * @param where begins every line
 * @throws UserError a line for everything that is wrong
 */
export function checkedModel(file: OipFile, metadata: ModelMetadataResponse, where: string): CheckedModel {
  const problems: string[] = [];
  const inputs = file.inputs.map((input, i) => {
    if (metadata.inputs.length === 0) return input;
    const tensor = metadata.inputs.find(({ name }) => name === input.name);
    const says = (what: string): void => void problems.push(`inputs[${i}] ${what}`);
    if (tensor === undefined) says(`is ${input.name}; the model has ${namesOf(metadata.inputs)}`);
    else if (tensor.datatype !== 'BYTES')
      says(`${input.name} is ${tensor.datatype}; expected BYTES, which carries text`);
    else if (tensor.shape.length > 2 || (tensor.shape[1] ?? -1) > 1)
      says(`${input.name} has the shape [${tensor.shape.join(', ')}]; expected [-1] or [-1, 1]`);
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
  if (known.length === 0) return output;
  const says = (what: string): void => void problems.push(`output ${what}`);
  if (output.name === undefined && known.length > 1) {
    says(`has no name; the model has ${namesOf(known)}`);
    return output;
  }
  const tensor = output.name === undefined ? known[0]! : known.find(({ name }) => name === output.name);
  if (tensor === undefined) {
    says(`is ${output.name}; the model has ${namesOf(known)}`);
    return output;
  }
  const { name, datatype, shape } = tensor;
  const columns = shape.length === 1 ? 1 : shape.length === 2 && shape[1]! > 0 ? shape[1]! : undefined;
  if (!isScoreDatatype(datatype)) says(`${name} is ${datatype}; a score can be read from ${scoreDatatypes}`);
  else if (shape.length > 2) says(`${name} has the shape [${shape.join(', ')}]; expected [-1] or [-1, columns]`);
  else if (columns !== undefined && columns > 1 && output.column === undefined)
    says(`${name} has ${columns} columns; column says which is the score`);
  else if (columns !== undefined && output.column !== undefined && output.column >= columns)
    says(`${name} has ${columns} columns; column is ${output.column}, expected 0 to ${columns - 1}`);
  else if (columns === 1 && output.activation === 'softmax')
    says(`${name} has one column, of which softmax makes 1 whatever it is; use sigmoid or raw`);
  return { ...output, name };
}

function namesOf(tensors: readonly { readonly name: string }[]): string {
  return tensors.map(({ name }) => name).join(', ');
}

/** The version that a server runs where none is asked for: numbers by their value. Empty where there is none. */
export function newestOf(versions: readonly string[]): string {
  return versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? '';
}
