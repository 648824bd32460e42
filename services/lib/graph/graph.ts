/**
 * Graphs: named values, the ONNX nodes that make them, and the tape from which `gradients` differentiates.
 *
 * A value's dimensions are numbers or names: a name ('B', 'T') stands for an extent known only when the graph runs,
 * so one session serves every batch. Operators (operators.ts) emit nodes and record their gradient rules side by side.
 */
import { elementTypes, encodeModel, type GraphContent, type OnnxModel } from './onnx.js';

/** Element types of values. */
export type DataType = 'float16' | 'float32' | 'float64' | 'int64' | 'int32' | 'bool';

/** The element types of differentiable values. */
export type FloatType = 'float32' | 'float64';

/**
 * The precision of a graph: a float type, or float16 for matrix products and float32 for everything between them. Products
 * read and write float16 and accumulate in float32, as the tensor cores of a GPU do. Sums over the rows of a batch, norms
 * and softmaxes stay in float32.
 */
export type Precision = FloatType | 'float16';

/** An extent: a number, or a name for an extent known only at run time. */
export type Dim = number | string;

/** The array that holds a tensor's elements. int64 is BigInt64Array, as in onnxruntime. */
export type ElementArray = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint16Array | Uint8Array;

/** One tensor of a graph. */
export interface Value {
  readonly name: string;
  readonly dtype: DataType;
  readonly dims: readonly Dim[];
  /** The graph that computes it. A Loop body may read values of the graphs around it. */
  readonly graph: Graph;
}

/** An attribute of a node. */
export type Attribute =
  | { readonly kind: 'int' | 'float'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'graph'; readonly value: GraphContent };

/** One operator application. */
export interface Node {
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A constant tensor: its elements, or their location in a file next to the model. */
export interface Initializer {
  readonly name: string;
  readonly dtype: DataType;
  readonly dims: readonly number[];
  readonly source:
    { readonly data: ElementArray } | { readonly location: string; readonly offset: number; readonly length: number };
}

/**
 * Weights for the rows of a batch: a value [rows, K] for each row dimension by name ('B' sequences, 'N' tokens).
 * A contraction over such rows yields K weighted sums instead of one.
 */
export type RowWeights = Readonly<Record<string, Value>>;

/**
 * Emits the gradient of one input of an operator. If rows are weighted and the input is a parameter, returns all K weighted
 * gradients, stacked: [K, ...dims].
 */
export type InputGradient = (weights?: RowWeights) => Value;

/** One recorded operator. `backward` maps the outputs' gradients to a rule for each input (undefined: not differentiable). */
export interface Operation {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly backward: (outputGradients: readonly (Value | undefined)[]) => readonly (InputGradient | undefined)[];
}

/** A recorded part of the graph whose inner values are recomputed once the gradient of an output is known. */
export interface Checkpoint {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly replay: (outputGradient: Value) => Replay;
}

/** The recomputed part: its own tape, in which `inputs` replace `originals` and `outputs` the checkpoint's, one by one. */
export interface Replay {
  readonly tape: readonly TapeEntry[];
  readonly originals: readonly Value[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/**
 * Rows read by several rows of a batch with different weights. Its input has one gradient for each of the K columns of the
 * row weights, or one without weights.
 */
export interface Sharing {
  readonly inputs: readonly [Value];
  readonly outputs: readonly [Value];
  readonly collect: (outputGradient: Value, weights?: RowWeights) => readonly Value[];
}

/** One entry of the tape, in the order of construction. */
export type TapeEntry = Operation | Checkpoint | Sharing;

/** A graph under construction. */
export class Graph {
  readonly precision: Precision;
  /** The float type of every differentiable value. */
  readonly float: FloatType;
  readonly name: string;
  /** The number of graphs around this one. */
  readonly depth: number;
  readonly tape: TapeEntry[] = [];
  readonly #parent: Graph | undefined;
  readonly #nodes: Node[] = [];
  readonly #initializers: Initializer[] = [];
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #halves = new Map<Value, Value>();
  readonly #names: { count: number; readonly taken: Set<string> };

  constructor(name: string, precision: Precision = 'float32', parent?: Graph) {
    this.name = name;
    this.precision = precision;
    this.float = precision === 'float64' ? 'float64' : 'float32';
    this.#parent = parent;
    this.depth = parent === undefined ? 0 : parent.depth + 1;
    this.#names = parent === undefined ? { count: 0, taken: new Set() } : parent.#names;
  }

  /** Declares an input. @throws Error if the name is taken */
  input(name: string, dtype: DataType, dims: readonly Dim[]): Value {
    const value = this.#value(dtype, dims, name);
    this.#inputs.push(value);
    return value;
  }

  /** Declares an input of the graph's float type: a parameter, or data. */
  floatInput(name: string, dims: readonly Dim[]): Value {
    return this.input(name, this.float, dims);
  }

  /** Adds a constant tensor by name: a frozen weight. Float elements are converted to the graph's float type. */
  weight(name: string, dims: readonly number[], source: Float32Array | Float64Array | Initializer['source']): Value {
    const value = this.#value(this.float, dims, name);
    const stored =
      source instanceof Float32Array || source instanceof Float64Array
        ? { data: this.float === 'float64' ? Float64Array.from(source) : Float32Array.from(source) }
        : source;
    this.#initializers.push({ name, dtype: this.float, dims, source: stored });
    return value;
  }

  /** A float constant: a scalar, or a list with its dimensions. Equal constants are one value. */
  constant(elements: number | readonly number[], dims?: readonly number[]): Value {
    const list = typeof elements === 'number' ? [elements] : elements;
    const data = this.float === 'float64' ? Float64Array.from(list) : Float32Array.from(list);
    return this.#stored(this.float, data, dims ?? (typeof elements === 'number' ? [] : [list.length]));
  }

  /** An int64 constant. */
  integers(elements: readonly number[], dims: readonly number[] = [elements.length]): Value {
    return this.#stored('int64', BigInt64Array.from(elements, BigInt), dims);
  }

  /** A bool constant. */
  boolean(value: boolean): Value {
    return this.#stored('bool', Uint8Array.of(value ? 1 : 0), []);
  }

  /** Casts one of this graph's values to float16. All products that read it share one cast. */
  half(value: Value): Value {
    let half = this.#halves.get(value);
    if (half === undefined) {
      half = this.emit(
        'Cast',
        [value],
        { dtype: 'float16', dims: value.dims },
        {
          to: { kind: 'int', value: elementTypes.float16 },
        },
      );
      this.#halves.set(value, half);
    }
    return half;
  }

  /** Adds a node with one output. */
  emit(
    operator: string,
    inputs: readonly (Value | undefined)[],
    output: { readonly dtype: DataType; readonly dims: readonly Dim[] },
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Value {
    const value = this.#value(output.dtype, output.dims);
    this.#nodes.push({ operator, domain, inputs, outputs: [value], attributes });
    return value;
  }

  /** Adds a node with several outputs. */
  emitAll(
    operator: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly { readonly dtype: DataType; readonly dims: readonly Dim[] }[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): readonly Value[] {
    const values = outputs.map((output) => this.#value(output.dtype, output.dims));
    this.#nodes.push({ operator, domain: '', inputs, outputs: values, attributes });
    return values;
  }

  /** Makes a value an output under a given name. */
  output(name: string, value: Value): void {
    const named = this.#value(value.dtype, value.dims, name);
    this.#nodes.push({ operator: 'Identity', domain: '', inputs: [value], outputs: [named], attributes: {} });
    this.#outputs.push(named);
  }

  /**
   * Makes a value an output under its own name. For bodies of loops and branches, whose outputs are identified by position: a
   * new name would cost a copy in every iteration.
   *
   * @throws Error for a value of another graph
   */
  result(value: Value): void {
    if (value.graph !== this)
      throw new Error(`graph ${this.name}: the result '${value.name}' belongs to another graph`);
    this.#outputs.push(value);
  }

  /** The outermost graph, which holds the constants. */
  get root(): Graph {
    return this.#parent?.root ?? this;
  }

  /** The graph's parts for the encoder. Omits nodes on which no output depends, because the runtime would run them. */
  content(): GraphContent {
    const read = new Set(this.#outputs.map(({ name }) => name));
    const live = [...this.#nodes].reverse().filter((node) => {
      if (!node.outputs.some(({ name }) => read.has(name))) return false;
      namesRead(node).forEach((name) => read.add(name));
      return true;
    });
    return {
      name: this.name,
      nodes: live.reverse(),
      initializers: this.#initializers.filter(({ name }) => read.has(name)),
      inputs: this.#inputs,
      outputs: this.#outputs,
    };
  }

  /** Encodes the graph as an ONNX model. */
  toModel(): OnnxModel {
    return encodeModel(this.content());
  }

  #stored(dtype: DataType, data: ElementArray, dims: readonly number[]): Value {
    const root = this.root;
    const key = `${dtype}[${dims.join()}]${data.join()}`;
    let value = root.#constants.get(key);
    if (value === undefined) {
      value = root.#value(dtype, dims);
      root.#initializers.push({ name: value.name, dtype, dims, source: { data } });
      root.#constants.set(key, value);
    }
    return value;
  }

  #value(dtype: DataType, dims: readonly Dim[], name?: string): Value {
    const chosen = name ?? `v${this.#names.count++}`;
    if (this.#names.taken.has(chosen)) throw new Error(`graph ${this.name}: two values are called '${chosen}'`);
    this.#names.taken.add(chosen);
    return { name: chosen, dtype, dims, graph: this };
  }
}

/** The values that a node reads, including those that its subgraphs read. */
function namesRead({ inputs, attributes }: Node): readonly string[] {
  const inner = Object.values(attributes).flatMap((attribute) =>
    attribute.kind === 'graph' ? attribute.value.nodes.flatMap(namesRead) : [],
  );
  return [...inputs.flatMap((input) => input?.name ?? []), ...inner];
}

/**
 * The innermost of the values' graphs, which is where a node over them belongs. Work on outer values stays outside loops.
 *
 * @throws Error without a value
 */
export function graphOf(...values: readonly (Value | undefined)[]): Graph {
  let innermost: Graph | undefined;
  for (const value of values) {
    if (value !== undefined && (innermost === undefined || value.graph.depth > innermost.depth))
      innermost = value.graph;
  }
  if (innermost === undefined) throw new Error('an operator needs at least one input');
  return innermost;
}

/** Adds an operator's gradient rule to the tape. */
export function record(entry: TapeEntry): void {
  graphOf(...entry.inputs).tape.push(entry);
}
