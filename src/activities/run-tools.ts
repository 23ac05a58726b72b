/**
 * Carries out the calls of one answer, in their order: those that only look side by side, the others one by one.
 * Harmless twice: a pure function of the snapshot and the answer; what commands printed is remembered (tool-command.ts).
 */
import { Context } from '@temporalio/activity';
import { failure, type Failure, type FailureCode } from '../domain/failures.js';
import { cutToBytes } from '../domain/payload-limit.js';
import { mayBeSplit } from '../domain/proposal.js';
import { describeUses, isReading, TOOL_LIMITS, type ToolCall, type ToolUse } from '../domain/tools.js';
import type { TurnTrace } from '../domain/loop-detector.js';
import type { ChatMessage } from '../ports.js';
import { parseToolCall } from '../schemas.js';
import type { ActivityPorts } from './activity-ports.js';
import type { ToolsDone, ToolsInput } from './contract.js';
import { hashOf } from './json-hash.js';
import { addToConversation, readToolAnswer, saidBefore, type ToolAnswer } from './conversations.js';
import { readSpec } from './stored-spec.js';
import { refusal, type Bench, type ToolResult } from './tool-bench.js';
import { runCommand } from './tool-command.js';
import { mutate } from './tool-editing.js';
import { finish } from './tool-finish.js';
import { listFiles, readFile, search } from './tool-reading.js';
import { stepTrace } from './trace-steps.js';

export const createRunTools =
  (ports: ActivityPorts) =>
  async (input: ToolsInput): Promise<ToolsDone> => {
    const startedAt = Date.now();
    const { artifacts, settings } = ports;
    const [answer, spec] = await Promise.all([
      readToolAnswer(artifacts, input.answer),
      readSpec(artifacts, input.spec),
    ]);
    const read = readCalls(answer, mayBeSplit(spec, input.taskId));
    const turn =
      read.kind === 'malformed'
        ? { ...read, tree: input.tree }
        : await carryOut({ ports, spec, input, tree: input.tree }, read.calls);
    const { tree, results, summary, finish: done } = turn;
    const messages = [assistantMessage(answer, read.kind === 'ok' || read.isAnswered), ...results];
    return {
      by: settings.identity,
      startedAt,
      endedAt: Date.now(),
      tree,
      conversation: await addToConversation(artifacts, input.conversation, messages),
      summary,
      trace: turn.trace,
      malformed: read.kind === 'malformed',
      ...(done === undefined ? {} : { finish: done }),
      ...(turn.failure === undefined ? {} : { failure: turn.failure }),
    };
  };

interface Called {
  readonly call: ToolCall;
  readonly use: ToolUse;
}

type ReadCalls =
  | { readonly kind: 'ok'; readonly calls: readonly Called[] }
  | {
      readonly kind: 'malformed';
      /** Whether each call gets its own result; without, what is wrong is said in a message. */
      readonly isAnswered: boolean;
      readonly results: readonly ChatMessage[];
      readonly summary: string;
      readonly trace: TurnTrace;
      readonly failure: Failure;
      readonly finish?: undefined;
    };

/** All of them are valid, or none is carried out. */
function readCalls({ toolCalls, finishReason, text }: ToolAnswer, maySplit: boolean): ReadCalls {
  if (finishReason === 'length') {
    const says = `Your answer was cut off by its limit of length; nothing of it was carried out. Write less in one answer: several small calls, edit_file in place of write_file.`;
    return malformed('cut off', [{ role: 'user', content: says }], false, 'truncatedAnswer');
  }
  if (toolCalls.length === 0) {
    const says = `You called no tool${text.trim() === '' ? '' : ', so nothing was done'}. Go on with a tool; when the work is done, or you must ask a person, call finish.`;
    return malformed('no call', [{ role: 'user', content: says }], false);
  }
  const parsed = toolCalls.map((call) => parseToolCall(call, maySplit));
  const excess = toolCalls.length > TOOL_LIMITS.calls ? `At most ${TOOL_LIMITS.calls} calls in one answer.` : null;
  const finishes = parsed.filter((each) => each.kind === 'ok' && each.use.tool === 'finish');
  const twice = finishes.length > 1 ? 'Call finish once.' : null;
  const calls = parsed.flatMap((each) => (each.kind === 'ok' ? [{ call: each.call, use: each.use }] : []));
  if (calls.length === parsed.length && excess === null && twice === null) return { kind: 'ok', calls };
  const results = parsed.map((each): ChatMessage => {
    const says = each.kind === 'malformed' ? each.says : (excess ?? twice ?? OTHER_MALFORMED);
    return { role: 'tool', toolCallId: each.call.id, content: `error: ${says}` };
  });
  return malformed('malformed call', results, true);
}

const OTHER_MALFORMED = 'Not carried out: another call of this answer is malformed. Mend that one and send both again.';

function malformed(
  summary: string,
  results: readonly ChatMessage[],
  isAnswered: boolean,
  code: FailureCode = 'malformedAnswer',
): ReadCalls {
  const says = results.map(({ content }) => content).join('\n');
  const trace = { call: summary, result: hashOf(says, 16), error: hashOf(says, 16) };
  return { kind: 'malformed', isAnswered, results, summary, trace, failure: failure(code, `${summary}.`) };
}

/** Calls that get no result of their own are left out: an endpoint refuses a conversation with a call that has none. */
function assistantMessage({ text, toolCalls }: ToolAnswer, withCalls: boolean): ChatMessage {
  if (withCalls) return { role: 'assistant', content: text, toolCalls };
  return { role: 'assistant', content: saidBefore(text) };
}

interface Turn {
  readonly tree: string;
  readonly results: readonly ChatMessage[];
  readonly summary: string;
  readonly trace: TurnTrace;
  readonly finish?: ToolResult['finish'];
  readonly failure?: Failure;
}

async function carryOut(start: Bench, calls: readonly Called[]): Promise<Turn> {
  // Last, whatever its place: what it is asked about is the work of all of them.
  const ordered = [...calls.filter(({ use }) => use.tool !== 'finish'), ...calls.filter(isFinish)];
  // By call and not by id: some models give every call the same one.
  const done = new Map<Called, ToolResult>();
  let { tree } = start;
  for (const group of groups(ordered)) {
    const failed = [...done.values()].some(({ isError }) => isError);
    const results = await Promise.all(
      group.map((called) => told(called, () => perform({ ...start, tree }, called, failed))),
    );
    group.forEach((called, index) => done.set(called, results[index] ?? refusal('lost')));
    tree = results.at(-1)?.tree ?? tree;
  }
  const all = calls.map((called) => ({ ...called, result: done.get(called) ?? refusal('lost') }));
  const end = all.find(({ result }) => result.finish !== undefined)?.result.finish;
  const answered = all.filter(({ result }) => result.finish === undefined);
  const refused = all.find(({ result }) => result.isError)?.result;
  return {
    tree,
    results: answered.map(({ call, result }) => ({ role: 'tool', toolCallId: call.id, content: result.text })),
    summary: summaryOf(calls, all.filter(({ result }) => result.isError).length),
    trace: traceOf(tree, all),
    ...(end === undefined ? {} : { finish: end }),
    ...(refused === undefined ? {} : { failure: failureOf(refused) }),
  };
}

const isFinish = ({ use }: Called): boolean => use.tool === 'finish';

/** Neighbours that only look go together. */
function groups(calls: readonly Called[]): readonly (readonly Called[])[] {
  const made: Called[][] = [];
  for (const called of calls) {
    const last = made.at(-1);
    const before = last?.at(-1);
    if (last !== undefined && before !== undefined && isReading(before.use) && isReading(called.use)) last.push(called);
    else made.push([called]);
  }
  return made;
}

/** With its time, for those who watch. */
async function told({ call, use }: Called, work: () => Promise<ToolResult>): Promise<ToolResult> {
  const startedAt = Date.now();
  const done = await work();
  const { isError } = done;
  stepTrace()?.used({ tool: use.tool, callId: call.id, startedAt, endedAt: Date.now(), isError });
  return done;
}

function perform(bench: Bench, { call, use }: Called, othersFailed: boolean): Promise<ToolResult> {
  switch (use.tool) {
    case 'list_files':
      return listFiles(bench, use);
    case 'search':
      return search(bench, use, Context.current().cancellationSignal);
    case 'read_file':
      return readFile(bench, use);
    case 'edit_file':
    case 'write_file':
    case 'move_or_delete':
      return mutate(bench, use);
    case 'run':
      return runCommand(bench, use);
    case 'finish':
      return finish(bench, call.id, use, othersFailed);
    default:
      throw new TypeError(`unknown tool ${JSON.stringify(use satisfies never)}`);
  }
}

/** A payload holds it many times over. */
const SUMMARY_BYTES_MAX = 200;

function summaryOf(calls: readonly Called[], failed: number): string {
  const words = describeUses(calls.map(({ use }) => use));
  return cutToBytes(failed === 0 ? words : `${words} (${failed} failed)`, SUMMARY_BYTES_MAX);
}

/** The first line of a refusal says what it is about; what follows quotes files and programs. */
const failureOf = ({ failure: known, text }: ToolResult): Failure =>
  known ?? failure('loopDetected', cutToBytes(text.split('\n', 1)[0] ?? '', SUMMARY_BYTES_MAX));

function traceOf(tree: string, all: readonly { readonly use: ToolUse; readonly result: ToolResult }[]): TurnTrace {
  const failed = all.filter(({ result }) => result.isError);
  return {
    call: hashOf(
      all.map(({ use }) => use),
      16,
    ),
    result: hashOf([tree, all.map(({ result }) => result.text)], 16),
    // A red check after another edit is progress, so the snapshot counts too.
    error: failed.length === 0 ? null : hashOf([tree, failed.map(({ result }) => result.text)], 16),
  };
}
