/** Reads source files by their grammars, in a thread that is there only while somebody needs it. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PortFault, type SourceParser } from '../../ports.js';
import type { ParserAnswer, ParserRequest } from './parser-protocol.js';

export interface RunningSourceParser extends SourceParser {
  /** Ends the thread; what it reads is given back as a fault. */
  close(): void;
}

interface SourceParserOptions {
  /** Compiled program of the thread. */
  readonly program?: string;
  /** A request is a megabyte of source, which takes a second; a parser that needs longer hangs. */
  readonly timeoutMs?: number;
  /** Tasks of a job start close together; then the memory of the grammars is worth more than the time to load them. */
  readonly idleMs?: number;
}

/** Counted up when the grammars, the table of definitions or what is kept of a file change. */
const VERSION = '1';

/** Without the grammars' own memory, which WebAssembly bounds. */
const HEAP_MEGABYTES = 512;

export function createSourceParser({
  program = join(__dirname, 'parser-thread.js'),
  timeoutMs = 15_000,
  idleMs = 60_000,
}: SourceParserOptions = {}): RunningSourceParser {
  let thread: Worker | null = null;
  let idle: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const end = (): void => {
    clearTimeout(idle);
    void thread?.terminate();
    thread = null;
  };
  const askNow = async (request: ParserRequest): Promise<ParserAnswer> => {
    clearTimeout(idle);
    thread ??= launch(program, (gone) => {
      if (thread === gone) thread = null;
    });
    try {
      const answer = await ask(thread, request, timeoutMs);
      idle = setTimeout(end, idleMs).unref();
      return answer;
    } catch (thrown) {
      // Nobody knows what state it is in; the next request gets another one.
      end();
      throw thrown;
    }
  };
  const inTurn = (request: ParserRequest): Promise<ParserAnswer> => {
    // One at a time: the time limit is for parsing, not for waiting.
    const answer = last.then(() => askNow(request));
    last = answer.catch(() => undefined);
    return answer;
  };
  return {
    version: VERSION,
    tags: async (files) => {
      const answer = await inTurn({ wanted: 'tags', files });
      return answer.kind === 'tags' ? answer.tags : [];
    },
    faults: async (files) => {
      const answer = await inTurn({ wanted: 'faults', files });
      return answer.kind === 'faults' ? answer.faults : [];
    },
    close: end,
  };
}

function launch(program: string, onGone: (thread: Worker) => void): Worker {
  const resourceLimits = { maxOldGenerationSizeMb: HEAP_MEGABYTES };
  const thread = new Worker(program, { env: {}, execArgv: [], resourceLimits });
  thread.on('exit', () => onGone(thread));
  // Heard by whoever waits for an answer. Unheard, it would end the worker: an idle thread may run out of memory.
  thread.on('error', () => onGone(thread));
  return thread;
}

async function ask(thread: Worker, request: ParserRequest, timeoutMs: number): Promise<ParserAnswer> {
  // A thread that nobody waits for must not keep the program.
  thread.ref();
  const answer = await new Promise<ParserAnswer>((resolve) => {
    const fail = (says: string): void => {
      clearTimeout(timer);
      resolve({ kind: 'failed', says });
    };
    const onError = (thrown: unknown): void => fail(thrown instanceof Error ? thrown.message : String(thrown));
    const onExit = (code: number): void => fail(`its thread ended with code ${code}`);
    const timer = setTimeout(() => fail(`nothing after ${timeoutMs / 1_000} s`), timeoutMs);
    thread.once('error', onError).once('exit', onExit);
    thread.once('message', (reply: ParserAnswer) => {
      clearTimeout(timer);
      thread.off('error', onError).off('exit', onExit);
      resolve(reply);
    });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    thread.postMessage(request);
  });
  thread.unref();
  if (answer.kind !== 'failed') return answer;
  throw new PortFault('infrastructure', `Source could not be parsed: ${answer.says}`, true);
}
