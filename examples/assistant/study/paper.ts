/** The results of Li et al. 2025 (arXiv 2507.01915) with Mistral-7B, as its tables give them. */
import { groupNames } from './methods.js';

/** Mean rewards: helpful, harmless, their mean. */
export type PaperRow = readonly [helpful: number, harmless: number, mean: number];

/** On PKU-SafeRLHF, by method. */
export const pkuSafeRlhf: Readonly<Record<string, PaperRow>> = {
  SFT: [2.33, 1.78, 2.06],
  [groupNames.helpfulOnly]: [9.52, -11.77, -1.12],
  [groupNames.harmlessOnly]: [-7.21, 13.05, 2.92],
  [groupNames.lagrangian]: [5.02, 1.83, 3.42],
  [groupNames.mgda]: [7.34, 5.94, 6.64],
  [groupNames.gapo1]: [7.48, 7.92, 7.7],
  [groupNames.gapo2]: [7.67, 6.81, 7.24],
};

/** On HH-RLHF, by method. */
export const hhRlhf: Readonly<Record<string, PaperRow>> = {
  SFT: [5.75, 5.25, 5.5],
  [groupNames.mgda]: [10.9, 8.22, 9.56],
  [groupNames.gapo1]: [12.56, 9.82, 11.19],
  [groupNames.gapo2]: [12.87, 9.58, 11.23],
};

/** What the tables say about two methods, as checked in this project: `better` has more of `what` than `worse`. */
export interface Claim {
  what: 'helpful' | 'harmless' | 'mean';
  better: string;
  worse: string;
}

/** The order of PKU-SafeRLHF's means, neighbours and what matters most, and the two exponents against each other. */
export const claims: readonly Claim[] = [
  { what: 'mean', better: groupNames.gapo1, worse: groupNames.mgda },
  { what: 'mean', better: groupNames.gapo2, worse: groupNames.mgda },
  { what: 'mean', better: groupNames.gapo1, worse: groupNames.gapo2 },
  { what: 'helpful', better: groupNames.gapo2, worse: groupNames.gapo1 },
  { what: 'harmless', better: groupNames.gapo1, worse: groupNames.gapo2 },
  { what: 'mean', better: groupNames.mgda, worse: groupNames.lagrangian },
  { what: 'mean', better: groupNames.lagrangian, worse: groupNames.harmlessOnly },
  { what: 'mean', better: groupNames.harmlessOnly, worse: 'SFT' },
  { what: 'mean', better: 'SFT', worse: groupNames.helpfulOnly },
];
