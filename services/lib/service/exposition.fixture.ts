/** Reads metrics as Prometheus does: over HTTP, in its text format. */

/** A sample of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A scrape. */
export interface Scrape {
  readonly contentType: string;
  readonly text: string;
  readonly samples: readonly Sample[];
  /** The type of each metric. */
  readonly types: ReadonlyMap<string, string>;
  /** Returns the value of the only sample with the given name and labels. @throws Error if there is none, or several */
  value(name: string, labels?: Readonly<Record<string, string>>): number;
}

const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/y;

/**
 * Scrapes a server.
 *
 * @throws Error if a line is malformed
 */
export async function scrape(address: string): Promise<Scrape> {
  const response = await fetch(`http://${address}/metrics`);
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`);
  const text = await response.text();
  const lines = text.split('\n').filter((line) => line !== '');
  const samples = lines.filter((line) => !line.startsWith('#')).map(sampleOf);
  const types = new Map(
    lines.flatMap((line) => {
      const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
      return name === undefined || type === undefined ? [] : [[name, type] as const];
    }),
  );
  return {
    contentType: response.headers.get('content-type') ?? '',
    text,
    samples,
    types,
    value(name, labels = {}) {
      const fits = (one: Sample): boolean =>
        one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value);
      const found = samples.filter(fits);
      const [first] = found;
      if (first === undefined || found.length > 1) {
        throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)} in\n${text}`);
      }
      return first.value;
    },
  };
}

function sampleOf(line: string): Sample {
  const [, name, labels = '', value] = sampleLine.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`not a sample: ${line}`);
  const found: Record<string, string> = {};
  label.lastIndex = 0;
  while (label.lastIndex < labels.length) {
    const [, key, text] = label.exec(labels) ?? [];
    if (key === undefined || text === undefined) throw new Error(`not labels: ${line}`);
    found[key] = text.replaceAll(/\\(.)/g, (_, one: string) => (one === 'n' ? '\n' : one));
  }
  return { name, labels: found, value: value === '+Inf' ? Infinity : Number(value) };
}
