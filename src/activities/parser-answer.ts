/** What a parser says, where it is only asked for help: without it the work goes on. */
import { PortFault } from '../ports.js';

/** Null if the parser is not to be had, or gave up. */
export async function unlessParserFails<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof PortFault && thrown.code === 'infrastructure') return null;
    throw thrown;
  }
}
