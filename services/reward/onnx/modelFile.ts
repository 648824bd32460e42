/** Finds the model file in a classifier's directory, in the layouts of our own tools, optimum and the Hub. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '@gapo/model';

/** The folders of model files, relative to the directory. */
const folders = ['', 'onnx'];

/** The name of an unquantised model, which is preferred if there are several. */
const plainName = 'model.onnx';

/**
 * Returns the model's path relative to the directory: the named one, otherwise `model.onnx`, otherwise `onnx/model.onnx`,
 * otherwise the only `.onnx` file.
 *
 * @param named the option `file`
 * @param hint the option as a user would write it, for the error message, such as `file: onnx/model.onnx`
 * @throws ModelError if the named file does not exist, there is none, or there are several and none is preferred
 */
export async function modelFile(
  directory: string,
  named: string | undefined,
  hint: (file: string) => string,
): Promise<string> {
  const found = (await Promise.all(folders.map((folder) => modelsIn(directory, folder)))).flat();
  if (named !== undefined) {
    if ((await stat(join(directory, named)).catch(() => undefined))?.isFile() === true) return named;
    throw new ModelError(join(directory, named), `does not exist; ${choicesOf(found)}`);
  }
  const plain = folders.map((folder) => join(folder, plainName)).find((file) => found.includes(file));
  const [only, another] = found;
  const chosen = plain ?? (another === undefined ? only : undefined);
  if (chosen !== undefined) return chosen;
  if (only === undefined) {
    throw new ModelError(
      directory,
      'lacks model.onnx; export the classifier, for example with optimum-cli export onnx --task text-classification',
    );
  }
  throw new ModelError(directory, `${choicesOf(found)}; choose one, for example ${hint(only)}`);
}

function choicesOf(found: readonly string[]): string {
  return found.length === 0 ? 'there is no other model' : `has the models ${found.join(', ')}`;
}

/** Lists the model files of a folder, ordered by name. */
async function modelsIn(directory: string, folder: string): Promise<readonly string[]> {
  const names = await readdir(join(directory, folder)).catch(() => []);
  return names
    .filter((name) => name.endsWith('.onnx'))
    .sort()
    .map((name) => join(folder, name));
}
