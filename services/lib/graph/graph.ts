/**
 * Graphs: named values, the ONNX nodes that make them, and the tape from which `gradients` differentiates.
 *
 * A value's dimensions are numbers or names: a name ('B', 'T') stands for an extent known only when the graph runs,
 * so one session serves every batch. Operators (operators.ts) emit nodes and record how to go backward, side by side.
 */
import { elementTypes, encodeModel, type GraphContent, type OnnxModel } from './onnx.js';

/** Element types of values. */
export type DataType = 'float16' | 'float32' | 'float64' | 'int64' | 'int32' | 'bool';

/** The element types that can be differentiated. */
export type FloatType = 'float32' | 'float64';

/**
 * What a graph computes in: a float type, or float16 for matrix products and float32 for everything between them. The
 * products read and write float16 and add up in float32, as the tensor cores of a GPU do; sums over the rows of a batch,
 * norms and softmaxes stay float32.
 */
export type Precision = FloatType | 'float16';

/** An extent: a number, or a name for one that is known at run time. */
export type Dim = number | string;

/** The array that holds elements of a type. int64 is BigInt64Array, as in onnxruntime. */
export type ElementArray = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array;

/** One tensor of a graph. */
export interface Value {
  readonly name: string;
  readonly dtype: DataType;
  readonly dims: readonly Dim[];
  /** The graph that makes it; a Loop body may read values of the graphs around it. */
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

/** A constant tensor: its elements, or where they lie in a file beside the model. */
export interface Initializer {
  readonly name: string;
  readonly dtype: DataType;
  readonly dims: readonly number[];
  readonly source:
    { readonly data: ElementArray } | { readonly location: string; readonly offset: number; readonly length: number };
}

/**
 * Weights for the rows of a batch: for each row dimension by name ('B' sequences, 'N' tokens) a value [rows, K].
 * A contraction over such rows then yields K weighted sums instead of one.
 */
export type RowWeights = Readonly<Record<string, Value>>;

/**
 * The gradient that reaches one input of an operator. Where rows are weighted and the input is a parameter, the rule
 * returns all K weighted gradients stacked in front: [K, ...dims].
 */
export type InputGradient = (weights?: RowWeights) => Value;

/** One recorded operator: given the outputs' gradients, how each input's is made (undefined: not differentiable). */
export interface Operation {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly backward: (outputGradients: readonly (Value | undefined)[]) => readonly (InputGradient | undefined)[];
}

/** A recorded part of the graph whose inner values are made again when the gradient of its output is there. */
export interface Checkpoint {
  readonly inputs: readonly Value[];
  readonly outputs: readonly [Value];
  readonly replay: (outputGradient: Value) => Replay;
}

/** The part, made again: its own tape, on which `input` stands for `original`. */
export interface Replay {
  readonly tape: readonly TapeEntry[];
  readonly original: Value;
  readonly input: Value;
  readonly output: Value;
}

/** What a graph remembers of how it was made, in order. */
export type TapeEntry = Operation | Checkpoint;

/** A graph under construction. */
export class Graph {
  readonly precision: Precision;
  /** The float type of every differentiable value. */
  readonly float: FloatType;
  readonly name: string;
  /** How many graphs are around this one. */
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

  /** Declares an input. Throws where the name is taken. */
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

  /** One of this graph's values in float16; made once, however many products read it. */
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

  /** Makes a value an output, under a name of its own. */
  output(name: string, value: Value): void {
    const named = this.#value(value.dtype, value.dims, name);
    this.#nodes.push({ operator: 'Identity', domain: '', inputs: [value], outputs: [named], attributes: {} });
    this.#outputs.push(named);
  }

  /**
   * Makes a value an output under the name that it has. For bodies of loops and branches, whose outputs are told apart
   * by their place: a name of its own would cost a copy each time.
   */
  result(value: Value): void {
    if (value.graph !== this) throw new Error(`graph ${this.name}: '${value.name}' is of another graph, not a result`);
    this.#outputs.push(value);
  }

  /** The root of the graphs around this one: where constants live. */
  get root(): Graph {
    return this.#parent?.root ?? this;
  }

  /** The graph's parts, for the encoder, without the nodes on which no output depends: the runtime would run them. */
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
    if (this.#names.taken.has(chosen)) throw new Error(`graph ${this.name}: the name '${chosen}' is taken twice`);
    this.#names.taken.add(chosen);
    return { name: chosen, dtype, dims, graph: this };
  }
}

/** The values that a node reads, those within its subgraphs included. */
function namesRead({ inputs, attributes }: Node): readonly string[] {
  const inner = Object.values(attributes).flatMap((attribute) =>
    attribute.kind === 'graph' ? attribute.value.nodes.flatMap(namesRead) : [],
  );
  return [...inputs.flatMap((input) => input?.name ?? []), ...inner];
}

/** The innermost of the values' graphs: where a node over them belongs. Work on outer values stays outside a loop. */
export function graphOf(...values: readonly (Value | undefined)[]): Graph {
  let innermost: Graph | undefined;
  for (const value of values) {
    if (value !== undefined && (innermost === undefined || value.graph.depth > innermost.depth))
      innermost = value.graph;
  }
  if (innermost === undefined) throw new Error('an operator needs at least one input');
  return innermost;
}

/** Records how to go backward through an operator. */
export function record(entry: TapeEntry): void {
  graphOf(...entry.inputs).tape.push(entry);
}
