/** A reward kind as hosted by the service: its declaration, and the code that opens its scorers. */
import type { RewardKind, Schemas } from '@gapo/config';
import type { Scorer } from '@gapo/reward';
import { z } from '@gapo/service';

/** The keys of one entry, typed by the kind's declaration. */
export type HostedEntry<Entry extends Schemas> = z.output<z.ZodObject<Entry>> & {
  /** The objective's name; overrides the one stated by the source. */
  readonly objective?: string | undefined;
};

/** The environment's values for one kind, not yet typed by its declaration. */
export interface HostedSource {
  /** The keys of each entry. Only a shared kind has several. */
  readonly entries: readonly (Readonly<Record<string, unknown>> & { readonly objective?: string | undefined })[];
  /** Every setting of the service. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A kind that the service can host. */
export interface HostedKind {
  readonly kind: RewardKind;
  /**
   * Opens a scorer for each entry, in order.
   *
   * @throws UserError or ConfigError if the source is invalid
   */
  open(source: HostedSource): Promise<readonly Scorer[]>;
}

/** The kinds that a reward service hosts, by name. */
export type HostedKinds = Readonly<Record<string, HostedKind>>;

/** Joins a declaration with the code that opens the scorer of an entry. */
export function hostedKind<Entry extends Schemas, Settings extends Schemas>(
  kind: RewardKind<Entry, Settings>,
  open: (entry: HostedEntry<Entry>, settings: z.output<z.ZodObject<Settings>>) => Promise<Scorer>,
): HostedKind {
  return sharedKind(kind, (entries, settings) => Promise.all(entries.map((entry) => open(entry, settings))));
}

/** Joins a declaration with the code that opens the scorers of all entries together, in order. */
export function sharedKind<Entry extends Schemas, Settings extends Schemas>(
  kind: RewardKind<Entry, Settings>,
  open: (
    entries: readonly HostedEntry<Entry>[],
    settings: z.output<z.ZodObject<Settings>>,
  ) => Promise<readonly Scorer[]>,
): HostedKind {
  const [entry, settings] = [z.object(kind.entry), z.object(kind.settings)];
  return {
    kind,
    open: (source) =>
      open(
        source.entries.map(({ objective, ...keys }) => ({ ...entry.parse(keys), objective })),
        settings.parse(source.settings),
      ),
  };
}
