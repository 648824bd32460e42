/**
 * The YAML file that describes a model behind the Open Inference Protocol.
 *
 * ```yaml
 * objective: helpful
 * target: triton:8001
 * model: helpful
 * inputs:
 *   - { name: prompt, text: '{prompt}' }
 *   - { name: response, text: '{completion}' }
 * output: { name: score }
 * ```
 */
import { filePath, finiteNumber, grpcTarget, nonEmptyText, z } from '@gapo/service';
import { boundKeys, columnKeys } from '../remote/activation.js';
import { batch, remoteKeys } from '../remote/remoteFile.js';

const input = z.strictObject({
  /** The tensor's name. */
  name: nonEmptyText,
  /** The text of each element, with the placeholders {prompt} and {completion}. */
  text: nonEmptyText.regex(/\{(prompt|completion)\}/).meta({ expected: 'a text with {prompt} or {completion} in it' }),
  /** Its dimensions: 1 for [n], 2 for [n, 1]. @default from the model's metadata, otherwise 1 */
  rank: z.literal([1, 2]).meta({ expected: '1 for [n] or 2 for [n, 1]' }).optional(),
});

const output = z.strictObject({
  /** The tensor's name; required if the model has several outputs. */
  name: nonEmptyText.optional(),
  ...columnKeys,
});

const parameter = z
  .union([z.string(), z.boolean(), finiteNumber])
  .meta({ expected: 'a text, a number, true or false' });

/** A key of gRPC metadata that applications may set: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. */
const header = z
  .string()
  .regex(/^(?!grpc-)[0-9a-z_.-]+(?<!-bin)$/)
  .meta({ expected: 'a lower-case header that neither begins with grpc- nor ends in -bin' });

/** The value of a header. */
const printable = z
  .string()
  .regex(/^[ -~]+$/)
  .meta({ expected: 'printable ASCII' });

/** The file. */
export const oipFile = z
  .strictObject({
    ...remoteKeys,
    batch,
    /** The server's address. dns:///name:port balances calls over all addresses of the name. */
    target: grpcTarget,
    /** Whether the connection is encrypted. @default false */
    tls: z.boolean().default(false),
    /** Certificates (PEM) of the authorities to trust. @default those of Node.js */
    ca: filePath.optional(),
    /** Sent with every call. @default none */
    headers: z.record(header, printable).default({}),
    model: nonEmptyText,
    /** @default the server's choice */
    modelVersion: nonEmptyText.optional(),
    /** The model's own parameters, sent with every request. @default none */
    parameters: z.record(nonEmptyText, parameter).default({}),
    inputs: z.array(input).min(1).meta({ expected: 'a list of {name, text}' }),
    /** raw: elements as bytes next to the tensors; typed: inside them. @default raw */
    contents: z.enum(['raw', 'typed']).default('raw'),
    output: output.default({ activation: 'raw' }),
    ...boundKeys,
  })
  .refine(({ tls, ca }) => tls || ca === undefined, { path: ['ca'], message: 'tls: true beside it' })
  .refine(({ minimum = -Infinity, maximum = Infinity }) => minimum < maximum, {
    path: ['minimum'],
    message: 'a number less than maximum',
  });

/** The file, with every default filled in. */
export type OipFile = z.output<typeof oipFile>;
