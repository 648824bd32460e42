/**
 * The results of a run's evaluations, without samples: DATA_DIR/RUN/evaluations/VERSION.json, and VERSION-told-SHARES.json for a
 * policy that takes a preference.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageBytes, type EvaluationReport, type EvaluationReportInput } from '@gapo/rpc';
import { contentOf, UserError, writeAtomicallySync } from '@gapo/service';
import { storedJson } from '../state/storedJson.js';
import type { RunDirectory } from './runDirectory.js';

const fileName = /^([0-9]{1,15})(?:-told-[0-9.-]+)?\.json$/;

/** Stores the evaluations of one run. */
export class Evaluations {
  readonly #directory: RunDirectory;
  readonly #path: string;

  constructor(directory: RunDirectory) {
    this.#directory = directory;
    this.#path = join(directory.path, 'evaluations');
  }

  /** Stores a result. Replaces an earlier one of the same version and preference. @throws UserError if it cannot be written */
  async keep(report: EvaluationReportInput): Promise<void> {
    this.#directory.assertWritable();
    await mkdir(this.#path, { recursive: true });
    const text = JSON.stringify({ ...report, samples: [] });
    const shares = Object.values(report.preference ?? {}).map((share) => String(share));
    const suffix = shares.length === 0 ? '' : `-told-${shares.join('-')}`;
    writeAtomicallySync(join(this.#path, `${String(report.version ?? 0)}${suffix}.json`), `${text}\n`);
  }

  /** Returns the results, by version, then by preference. @throws UserError if one cannot be read */
  async list(): Promise<readonly EvaluationReport[]> {
    const names = await readdir(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw new UserError(`${this.#path} cannot be read: ${error.message}`, { cause: error });
    });
    const results = names.sort().flatMap((name) => {
      const version = fileName.exec(name)?.[1];
      return version === undefined ? [] : [{ name, version: Number(version) }];
    });
    return Promise.all(results.sort((a, b) => a.version - b.version).map(({ name }) => this.#read(name)));
  }

  async #read(name: string): Promise<EvaluationReport> {
    const path = join(this.#path, name);
    try {
      const report = storedJson((await contentOf(path)).toString('utf8')) as EvaluationReport;
      // Throws if the report cannot be sent as a message.
      messageBytes('gapo.training.v1.EvaluationReport', report);
      return report;
    } catch (error) {
      throw new UserError(`${path} is not an evaluation result: remove it, and evaluate the version again`, {
        cause: error,
      });
    }
  }
}
