/** The longest sequence that a model has positions for, according to its config.json. */

/**
 * Architectures whose positions begin after the padding token's id, so that many rows of the table are never used. In
 * transformers these call create_position_ids_from_input_ids.
 */
const offsetByPadding: ReadonlySet<string> = new Set([
  'camembert',
  'data2vec-text',
  'ibert',
  'layoutlmv3',
  'lilt',
  'longformer',
  'luke',
  'markuplm',
  'mpnet',
  'roberta',
  'roberta-prelayernorm',
  'xlm-roberta',
  'xlm-roberta-xl',
  'xmod',
]);

/** The keys with which architectures state their positions, in order of precedence. */
const keys = ['max_position_embeddings', 'n_positions', 'max_seq_len', 'seq_length'] as const;

/** A larger limit means none, such as transformers' 1e30. */
export const largestLimit = 1e9;

/** The relevant values of config.json. */
export type PositionSettings = Readonly<Partial<Record<(typeof keys)[number], number | undefined>>> & {
  readonly model_type?: string | undefined;
  readonly pad_token_id?: number | null | undefined;
};

/** The default padding token id in architectures whose positions begin after it, if config.json states none. */
const usualPadding = 1;

/** Returns the longest sequence in tokens, and the key that limits it; undefined if config.json sets no limit. */
export function positionLimit(
  config: PositionSettings,
): { readonly tokens: number; readonly stated: string } | undefined {
  const stated = keys.map((key) => [key, config[key] ?? 0] as const);
  const [key, positions] = stated.find(([, count]) => count > 0 && count < largestLimit) ?? [];
  if (key === undefined || positions === undefined) return undefined;
  if (!offsetByPadding.has(config.model_type ?? '')) return { tokens: positions, stated: `${key} ${positions}` };
  const padding = config.pad_token_id ?? usualPadding;
  const tokens = positions - padding - 1;
  return {
    tokens,
    stated: `${key} ${positions} less ${padding + 1}, since positions begin behind pad_token_id ${padding}`,
  };
}
