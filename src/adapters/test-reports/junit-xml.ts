/** JUnit's XML, as pytest, Maven, Gradle, node and many others write it. Entities of the file's own are not expanded. */
import sax from 'sax';
import type { ReportedCase, TestState } from '../../domain/test-results.js';

export type JunitReport =
  | { readonly kind: 'read'; readonly cases: readonly ReportedCase[] }
  | { readonly kind: 'corrupt'; readonly says: string };

/** Deeper than any runner nests its suites. */
const DEPTH_MAX = 200;

interface OpenCase {
  readonly names: readonly string[];
  readonly file: string | undefined;
  state: TestState;
  says: string;
}

export function parseJunit(text: string): JunitReport {
  const reader = new JunitReader();
  const parser = sax.parser(true);
  let fault: string | null = null;
  Object.assign(parser, {
    onerror: (error: Error) => {
      fault ??= error.message.split('\n', 1)[0] ?? 'no XML';
      throw error;
    },
    onopentag: (tag: sax.Tag) => reader.open(localName(tag.name), tag.attributes),
    onclosetag: (name: string) => reader.close(localName(name)),
    ontext: (words: string) => reader.say(words),
    oncdata: (words: string) => reader.say(words),
  });
  try {
    parser.write(text.replace(/^\uFEFF/, '').trimStart()).close();
  } catch (thrown) {
    if (fault === null && !(thrown instanceof NotJunit)) throw thrown;
    return { kind: 'corrupt', says: fault ?? 'it is no JUnit report' };
  }
  return reader.isJunit ? { kind: 'read', cases: reader.cases } : { kind: 'corrupt', says: 'it is no JUnit report' };
}

type Attributes = Readonly<Record<string, string | undefined>>;

class NotJunit extends Error {}

const localName = (name: string): string => name.slice(name.indexOf(':') + 1).toLowerCase();

class JunitReader {
  readonly cases: ReportedCase[] = [];
  isJunit = false;
  private readonly suites: { readonly name: string; readonly file: string | undefined }[] = [];
  private depth = 0;
  private current: OpenCase | null = null;
  private isFailure = false;

  open(name: string, attributes: Attributes): void {
    this.depth += 1;
    if (this.depth > DEPTH_MAX || (this.depth === 1 && name !== 'testsuites' && name !== 'testsuite'))
      throw new NotJunit();
    this.isJunit = true;
    const { current } = this;
    if (name === 'testsuite') this.suites.push({ name: attributes['name'] ?? '', file: attributes['file'] });
    else if (name === 'testcase') this.current = this.caseOf(attributes);
    else if (current !== null && (name === 'failure' || name === 'error')) {
      current.state = 'failed';
      current.says ||= attributes['message'] ?? '';
      this.isFailure = true;
    } else if (current !== null && name === 'skipped' && current.state === 'passed') current.state = 'skipped';
  }

  close(name: string): void {
    this.depth -= 1;
    if (name === 'testsuite') this.suites.pop();
    if (name === 'failure' || name === 'error') this.isFailure = false;
    if (name !== 'testcase' || this.current === null) return;
    this.cases.push(this.current);
    this.current = null;
  }

  /** The words of a failure: the message, then what stands below it. */
  say(words: string): void {
    if (this.current === null || !this.isFailure || this.current.says.length > 3_000) return;
    const text = words.slice(0, 3_000).trim();
    if (text !== '' && !text.startsWith(this.current.says)) this.current.says = `${this.current.says}\n${text}`.trim();
    else if (text !== '') this.current.says = text;
  }

  private caseOf(attributes: Attributes): OpenCase {
    const suite = this.suites.at(-1);
    const { classname = '', name = '' } = attributes;
    const suites = this.suites.map((each) => each.name).filter((each) => !EVERYONE.has(each) && each !== classname);
    // The class tells more than the suite, which many runners name after it, or after themselves.
    const names = [...new Set([...suites, ...(EVERYONE.has(classname) ? [] : [classname])]), name];
    return { names, file: attributes['file'] ?? suite?.file, state: 'passed', says: '' };
  }
}

/** Suites and classes that a runner names whatever the tests are. */
const EVERYONE: ReadonlySet<string> = new Set([
  '',
  'pytest',
  'test',
  'root',
  'Root Suite',
  'Mocha Tests',
  'jest tests',
]);
