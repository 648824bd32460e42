/** Texts to tensors and tensors to scores, as the Open Inference Protocol has them. Pure. */
import { toFloat32 } from '@gapo/model';
import { NoScore, type ScoreItem } from '@gapo/reward';
import type { InferParameterInput, ModelInferRequestInput, ModelInferResponse } from '@gapo/rpc';
import type { OipFile } from './oipFile.js';

/** What a request is made from. */
export type RequestOptions = Pick<OipFile, 'model' | 'modelVersion' | 'parameters' | 'inputs' | 'contents'> & {
  /** The output that is asked for. */
  readonly output: string | undefined;
};

/** The request for a batch of n items: one tensor of n texts for each input. */
export function inferRequest(options: RequestOptions, items: readonly ScoreItem[]): ModelInferRequestInput {
  const { model, modelVersion, parameters, inputs, contents, output } = options;
  const raw = contents === 'raw';
  const elements = inputs.map(({ text }) => items.map((item) => Buffer.from(filled(text, item), 'utf8')));
  return {
    modelName: model,
    ...(modelVersion !== undefined && { modelVersion }),
    parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, parameterOf(value)])),
    inputs: inputs.map(({ name, rank = 1 }, i) => ({
      name,
      datatype: 'BYTES',
      shape: rank === 1 ? [items.length] : [items.length, 1],
      ...(!raw && { contents: { bytesContents: elements[i]! } }),
    })),
    outputs: output === undefined ? [] : [{ name: output }],
    rawInputContents: raw ? elements.map(rawBytes) : [],
  };
}

/** Each placeholder once: what an item says is never taken for one. */
function filled(text: string, item: ScoreItem): string {
  return text.replace(/\{(prompt|completion)\}/g, (_, key: 'prompt' | 'completion') => item[key]);
}

function parameterOf(value: string | number | boolean): InferParameterInput {
  if (typeof value === 'string') return { stringParam: value };
  if (typeof value === 'boolean') return { boolParam: value };
  return Number.isSafeInteger(value) ? { int64Param: value } : { doubleParam: value };
}

/** The elements of a BYTES tensor one after the other, each behind its length as an unsigned 32-bit little-endian number. */
export function rawBytes(elements: readonly Buffer[]): Buffer {
  return Buffer.concat(
    elements.flatMap((element) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(element.length);
      return [length, element];
    }),
  );
}

/** What a response's score is made from. */
export type OutputOptions = OipFile['output'];

/** How the elements of each datatype that a score may have lie in bytes; typed, there is none of FP16. */
const datatypes = {
  FP16: {
    bytes: 2,
    read: (raw: Buffer, at: number) => toFloat32(raw.subarray(at, at + 2), 'F16')[0]!,
    typed: undefined,
  },
  FP32: { bytes: 4, read: (raw: Buffer, at: number) => raw.readFloatLE(at), typed: 'fp32Contents' },
  FP64: { bytes: 8, read: (raw: Buffer, at: number) => raw.readDoubleLE(at), typed: 'fp64Contents' },
} as const;

/** Whether a score can be read from a tensor of this datatype. */
export function isScoreDatatype(datatype: string): datatype is keyof typeof datatypes {
  return Object.hasOwn(datatypes, datatype);
}

/** The datatypes that a score can be read from, for people. */
export const scoreDatatypes = Object.keys(datatypes).join(', ');

/**
 * The score of each of n items, from an output of shape [n], [n, 1] or [n, columns].
 *
 * @throws NoScore where the response has another form
 */
export function scoresOf(
  response: ModelInferResponse,
  { name, column, activation }: OutputOptions,
  count: number,
): readonly (number | NoScore)[] {
  const at = name === undefined ? 0 : response.outputs.findIndex((each) => each.name === name);
  const tensor = response.outputs[at];
  if (tensor === undefined || (name === undefined && response.outputs.length > 1)) {
    const names = response.outputs.map((each) => each.name).join(', ');
    throw new NoScore(`the answer has the outputs ${names || '(none)'}; expected ${name ?? 'one'}`);
  }
  const what = `output ${tensor.name}`;
  const [rows, ...rest] = tensor.shape;
  const width = rest.reduce((product, size) => product * size, 1);
  if (rows !== count || rest.length > 1 || width < 1) {
    throw new NoScore(`${what} has the shape [${tensor.shape.join(', ')}] for ${count} items; expected [${count}] or [${count}, columns]`); // prettier-ignore
  }
  const chosen = column ?? 0;
  if (chosen >= width || (column === undefined && width > 1)) {
    throw new NoScore(`${what} has ${width} columns for an item; output.column says which is the score`);
  }
  if (activation === 'softmax' && width === 1)
    throw new NoScore(`${what} has one column, of which softmax makes 1 whatever it is; use sigmoid or raw`);
  const elements = elementsOf(tensor, response.rawOutputContents[at], response.rawOutputContents.length > 0, count * width); // prettier-ignore
  return Array.from({ length: count }, (_, i) => {
    const score = activations[activation](elements.slice(i * width, (i + 1) * width), chosen);
    return Number.isFinite(score) ? score : new NoScore(`${what} makes the score ${score}`);
  });
}

function elementsOf(
  { name, datatype, contents }: ModelInferResponse['outputs'][number],
  raw: Buffer | undefined,
  allRaw: boolean,
  count: number,
): readonly number[] {
  if (!isScoreDatatype(datatype))
    throw new NoScore(`output ${name} is ${datatype}; a score can be read from ${scoreDatatypes}`);
  const { bytes, read, typed } = datatypes[datatype];
  if (allRaw) {
    if (raw?.length !== count * bytes)
      throw new NoScore(`output ${name} has ${raw?.length ?? 0} bytes; expected ${count * bytes} of ${datatype}`);
    return Array.from({ length: count }, (_, i) => read(raw, i * bytes));
  }
  const values = (typed && contents?.[typed]) ?? [];
  if (values.length !== count)
    throw new NoScore(`output ${name} has ${values.length} elements; expected ${count} of ${datatype}`);
  return values;
}

const activations: Readonly<Record<OutputOptions['activation'], (row: readonly number[], column: number) => number>> = {
  raw: (row, column) => row[column]!,
  sigmoid: (row, column) => 1 / (1 + Math.exp(-row[column]!)),
  softmax: (row, column) => {
    const largest = Math.max(...row);
    const exps = row.map((x) => Math.exp(x - largest));
    return exps[column]! / exps.reduce((a, b) => a + b, 0);
  },
};
