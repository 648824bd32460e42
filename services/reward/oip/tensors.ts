/** Converts texts to tensors and tensors to scores in the Open Inference Protocol. Pure. */
import { toFloat32 } from '@gapo/model';
import { at, shapeText } from '@gapo/numeric';
import { NoScore, type ScoreItem } from '@gapo/reward';
import type { InferParameterInput, ModelInferRequestInput, ModelInferResponse } from '@gapo/rpc';
import { activated } from '../remote/activation.js';
import type { OipFile } from './oipFile.js';

/** The parts of the file that a request needs. */
export type RequestOptions = Pick<OipFile, 'model' | 'modelVersion' | 'parameters' | 'inputs' | 'contents'> & {
  /** The requested output. */
  readonly output: string | undefined;
};

/** Builds the request for a batch of n items: for each input, one tensor of n texts. */
export function inferRequest(options: RequestOptions, items: readonly ScoreItem[]): ModelInferRequestInput {
  const { model, modelVersion, parameters, inputs, contents, output } = options;
  const raw = contents === 'raw';
  const tensors = inputs.map(({ name, text, rank = 1 }) => ({
    name,
    shape: rank === 1 ? [items.length] : [items.length, 1],
    elements: items.map((item) => Buffer.from(filled(text, item), 'utf8')),
  }));
  return {
    modelName: model,
    ...(modelVersion !== undefined && { modelVersion }),
    parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, parameterOf(value)])),
    inputs: tensors.map(({ name, shape, elements }) => ({
      name,
      datatype: 'BYTES',
      shape,
      ...(!raw && { contents: { bytesContents: elements } }),
    })),
    outputs: output === undefined ? [] : [{ name: output }],
    rawInputContents: raw ? tensors.map(({ elements }) => rawBytes(elements)) : [],
  };
}

/** Fills the placeholders in one pass: a placeholder inside an item's text stays as it is. */
function filled(text: string, item: ScoreItem): string {
  return text.replace(/\{(prompt|completion)\}/g, (_, key: 'prompt' | 'completion') => item[key]);
}

function parameterOf(value: string | number | boolean): InferParameterInput {
  if (typeof value === 'string') return { stringParam: value };
  if (typeof value === 'boolean') return { boolParam: value };
  return Number.isSafeInteger(value) ? { int64Param: value } : { doubleParam: value };
}

/**
 * Concatenates the elements of a BYTES tensor, each preceded by its length as an unsigned 32-bit little-endian
 * number.
 */
export function rawBytes(elements: readonly Buffer[]): Buffer {
  return Buffer.concat(
    elements.flatMap((element) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(element.length);
      return [length, element];
    }),
  );
}

/** How a response's scores are read. */
export type OutputOptions = OipFile['output'];

/** How to read an element of each datatype allowed for scores. The protocol has no typed contents for FP16. */
const datatypes = {
  FP16: {
    bytes: 2,
    read: (raw: Buffer, offset: number) => at(toFloat32(raw.subarray(offset, offset + 2), 'F16'), 0),
    typed: undefined,
  },
  FP32: { bytes: 4, read: (raw: Buffer, offset: number) => raw.readFloatLE(offset), typed: 'fp32Contents' },
  FP64: { bytes: 8, read: (raw: Buffer, offset: number) => raw.readDoubleLE(offset), typed: 'fp64Contents' },
} as const;

/** Whether a score can be read from a tensor of this datatype. */
export function isScoreDatatype(datatype: string): datatype is keyof typeof datatypes {
  return Object.hasOwn(datatypes, datatype);
}

/** The datatypes that a score can be read from, for error messages. */
export const scoreDatatypes = Object.keys(datatypes).join(', ');

/**
 * Returns the score of each of n items, from an output of shape [n], [n, 1] or [n, columns].
 *
 * @throws NoScore if the response has another format
 */
export function scoresOf(
  response: ModelInferResponse,
  { name, column, activation }: OutputOptions,
  count: number,
): readonly (number | NoScore)[] {
  const index = name === undefined ? 0 : response.outputs.findIndex((each) => each.name === name);
  const tensor = response.outputs[index];
  if (tensor === undefined || (name === undefined && response.outputs.length > 1)) {
    const names = response.outputs.map((each) => each.name).join(', ');
    throw new NoScore(`the answer has the outputs ${names || '(none)'}; expected ${name ?? 'one'}`);
  }
  const what = `output ${tensor.name}`;
  const [rows, ...rest] = tensor.shape;
  const width = rest.reduce((product, size) => product * size, 1);
  if (rows !== count || rest.length > 1 || width < 1) {
    throw new NoScore(`${what} has the shape ${shapeText(tensor.shape)} for ${count} items; expected [${count}] or [${count}, columns]`); // prettier-ignore
  }
  const chosen = column ?? 0;
  if (chosen >= width || (column === undefined && width > 1)) {
    throw new NoScore(`${what} has ${width} columns per item; set output.column to the one to score`);
  }
  if (activation === 'softmax' && width === 1)
    throw new NoScore(`${what} has one column, whose softmax is always 1; use sigmoid or raw`);
  const elements = elementsOf(tensor, response.rawOutputContents[index], response.rawOutputContents.length > 0, count * width); // prettier-ignore
  return Array.from({ length: count }, (_, i) => {
    const score = activated(activation, elements.slice(i * width, (i + 1) * width), chosen);
    return Number.isFinite(score) ? score : new NoScore(`${what} gives the score ${score}; expected a finite number`);
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
