/**
 * The task of a process that opens ONNX models: damage that crashes the process affects only this
 * one.
 */
import { Session } from '@gapo/graph';
import { messageOf } from '@gapo/rpc';
import { type Outcome, outcome, UserError } from '@gapo/service';

/** Opens a model and closes it. */
export function open(path: string): Promise<Outcome<number>> {
  return outcome(async () => {
    const session = await Session.open(path, { threads: 1 }).catch((error: unknown) => {
      throw new UserError(messageOf(error));
    });
    const inputs = session.inputs.length;
    await session.close();
    return inputs;
  });
}
