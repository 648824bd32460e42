/** `@gapo/graph/testing`: checks gradients of any function of named inputs against central differences in float64. */
import { gradients } from './gradient.js';
import { Graph, type Value } from './graph.js';
import { Session, type TensorArray } from './session.js';

/** One parameter's comparison. */
interface GradcheckResult {
  readonly name: string;
  /** ‖analytic − numeric‖ / max(‖numeric‖, 1e-12), over the elements compared. */
  readonly relativeError: number;
}

/** What to check. */
interface GradcheckOptions {
  /** Builds one number, [1, 1], from the parameters (float64, by name) and from any inputs that it declares itself. */
  readonly build: (graph: Graph, parameters: Readonly<Record<string, Value>>) => Value;
  /** The parameters' values. */
  readonly parameters: Readonly<Record<string, TensorArray<Float64Array>>>;
  /** Values of the inputs that `build` declares. */
  readonly feeds?: Readonly<Record<string, TensorArray>>;
  /** Half the difference's width. @default 1e-5 */
  readonly step?: number;
  /** Elements compared for each parameter, spread evenly. @default 48 */
  readonly elements?: number;
}

/** Compares the gradient of `build` with (f(x + h) − f(x − h)) / 2h. */
export async function gradcheck(options: GradcheckOptions): Promise<readonly GradcheckResult[]> {
  const { build, parameters, feeds = {}, step = 1e-5, elements = 48 } = options;
  const graph = new Graph('gradcheck', 'float64');
  const values: Record<string, Value> = {};
  for (const [name, { dims }] of Object.entries(parameters)) values[name] = graph.floatInput(name, dims);
  const scalar = build(graph, values);
  const found = gradients([[scalar, graph.constant([1], [1, 1])]], Object.values(values));
  graph.output('scalar', scalar);
  for (const [name, value] of Object.entries(values)) {
    const gradient = found.get(value);
    if (gradient === undefined) throw new Error(`gradcheck: the function does not depend on '${name}'`);
    graph.output(`gradient.${name}`, gradient);
  }
  const session = await Session.open(graph.toModel(), { threads: 1 });
  try {
    const analytic = await session.run({ ...feeds, ...parameters });
    const evaluate = async (name: string, data: Float64Array, dims: readonly number[]): Promise<number> => {
      const { scalar } = await session.run({ ...feeds, ...parameters, [name]: { data, dims } }, ['scalar']);
      return Number(scalar?.data[0]);
    };
    const results: GradcheckResult[] = [];
    for (const [name, { data, dims }] of Object.entries(parameters)) {
      const gradient = analytic[`gradient.${name}`]?.data as Float64Array;
      if (gradient.length !== data.length) throw new Error(`gradcheck: '${name}' has a gradient of another size`);
      const stride = Math.max(1, Math.floor(data.length / elements));
      let difference = 0;
      let norm = 0;
      for (let index = 0; index < data.length; index += stride) {
        const moved = (by: number): Float64Array => data.map((x, at) => (at === index ? x + by : x));
        const numeric =
          ((await evaluate(name, moved(step), dims)) - (await evaluate(name, moved(-step), dims))) / (2 * step);
        difference += (numeric - (gradient[index] as number)) ** 2;
        norm += numeric ** 2;
      }
      results.push({ name, relativeError: Math.sqrt(difference) / Math.max(Math.sqrt(norm), 1e-12) });
    }
    return results;
  } finally {
    await session.close();
  }
}
