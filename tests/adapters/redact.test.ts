import { createRedactor } from '../../src/adapters/redact';

/** Obviously fake, and put together here so that no scanner takes this file for a leak. */
const fake = (prefix: string, length: number, unit = 'Fake0'): string => prefix + unit.repeat(length).slice(0, length);
const KEY = 'not-a-real-key/with+signs "and" quotes';

const redactor = createRedactor({ secrets: () => [KEY, 'short', 'ünïcode-geheimnis'] });
const bare = createRedactor({ secrets: () => [] });

describe('known values', () => {
  it.each([
    ['as they are', KEY],
    ['in JSON', JSON.stringify(KEY).slice(1, -1)],
    ['in a URL', encodeURIComponent(KEY)],
    ['in a URL, lower case', encodeURIComponent(KEY).replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())],
    ['in a form', encodeURIComponent(KEY).replaceAll('%20', '+')],
  ])('are taken out %s', (_, form) => expect(redactor.redact(`a ${form} b ${form}`)).toBe('a [redacted] b [redacted]'));

  it.each(['', 'u:', 'user:', 'a-user:', 'x'.repeat(50)])('are taken out of base64 after %j', (before) => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = Buffer.from(`${before}${KEY}`).toString(encoding);
      const clean = redactor.redact(`Basic ${text}`);
      expect(clean).toContain('[redacted]');
      // What is left at the ends are at most the characters shared with neighbours.
      const left = clean.replace('[redacted]', '').slice('Basic '.length + Math.floor((before.length * 4) / 3));
      expect(left.length).toBeLessThanOrEqual(5);
    }
  });

  it('keep short values: they are words of ordinary texts', () =>
    expect(redactor.redact('a short text')).toBe('a short text'));

  it('are taken out of bytes, and every other byte stays', () => {
    const around = Buffer.from([0xff, 0x00, 0xc3, 0x28, 0x80]);
    const bytes = Buffer.concat([around, Buffer.from('ünïcode-geheimnis'), around]);
    const clean = Buffer.concat([around, Buffer.from('[redacted]'), around]);
    expect(redactor.redactBytes(bytes, 'nothing').equals(clean)).toBe(true);
  });

  it('leave bytes without a secret as the very same bytes', () => {
    const bytes = Buffer.from('nothing here');
    expect(redactor.redactBytes(bytes, 'patterns')).toBe(bytes);
  });

  it('are asked for each time', () => {
    const values: string[] = [];
    const late = createRedactor({ secrets: () => values });
    expect(late.redact('a-value-known-later')).toBe('a-value-known-later');
    values.push('a-value-known-later');
    expect(late.redact('a-value-known-later')).toBe('[redacted]');
  });

  it('leave JSON valid', () => {
    const text = JSON.stringify({ key: KEY, list: [KEY] });
    expect(JSON.parse(redactor.redact(text))).toEqual({ key: '[redacted]', list: ['[redacted]'] });
  });

  it('are all that is taken out of texts that are used again', () => {
    const text = `const example = '${fake('ghp_', 36)}';`;
    expect(redactor.redact(text)).toBe(text);
    expect(redactor.redactBytes(Buffer.from(text), 'nothing').toString()).toBe(text);
  });
});

describe('shapes of credentials', () => {
  const body = Array.from({ length: 4 }, () => fake('', 64));
  const pem = (label: string): string => [`-----BEGIN ${label}-----`, ...body, `-----END ${label}-----`].join('\n');
  const shapes: readonly (readonly [string, string])[] = [
    ['OpenAI key', fake('sk-proj-', 80)],
    ['OpenAI key', fake('sk-', 48)],
    ['Anthropic key', fake('sk-ant-api03-', 90)],
    ['GitHub token', fake('ghp_', 36)],
    ['GitHub token', fake('github_pat_', 60)],
    ['GitLab token', fake('glpat-', 20)],
    ['AWS key', fake('AKIA', 16, 'FAKE2')],
    ['Slack token', fake('xoxb-', 40, '123456-')],
    ['Google key', fake('AIza', 35)],
    ['Stripe key', fake('sk_live_', 24)],
    ['npm token', fake('npm_', 36)],
    ['PyPI token', fake('pypi-AgE', 80)],
    ['JSON web token', `${fake('eyJ', 20)}.${fake('eyJ', 40)}.${fake('', 43)}`],
    ['private key', pem('RSA PRIVATE KEY')],
    ['private key', pem('OPENSSH PRIVATE KEY')],
    ['private key', pem('PRIVATE KEY').replaceAll('\n', '\\n')],
    ['private key', pem('EC PRIVATE KEY').replaceAll('\n', '\n+')],
    ['private key', pem('EC PRIVATE KEY').replaceAll('\n', '\n-')],
    ['private key', pem('RSA PRIVATE KEY').replace('\n', '\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,FAKE\n\n')],
  ];
  it.each(shapes)('%s is found and taken out (%#)', (rule, secret) => {
    const text = `first\n  value = "${secret}";\nlast`;
    expect(bare.scrub(text)).toBe('first\n  value = "[redacted]";\nlast');
    expect(bare.redactBytes(Buffer.from(text), 'patterns').toString()).toBe('first\n  value = "[redacted]";\nlast');
    expect(bare.findSecrets(text)).toEqual([{ rule, line: 2 }]);
  });

  it('keeps what stands around a password in a URL', () => {
    const text = 'cloning https://robot:hunter-fake-2@git.example.org/x.git';
    expect(bare.scrub(text)).toBe('cloning https://robot:[redacted]@git.example.org/x.git');
    expect(bare.findSecrets(text)).toEqual([{ rule: 'password in a URL', line: 1 }]);
  });

  it('MD-18 takes the credentials out of a header, which is no reason to refuse a change', () => {
    const text = '> Authorization: Bearer fake-fake-fake-fake';
    expect(bare.scrub(text)).toBe('> Authorization: Bearer [redacted]');
    expect(bare.findSecrets(text)).toEqual([]);
  });

  it.each([
    `if (text.includes('-----BEGIN PRIVATE KEY-----')) return true;\nconst more = code;`,
    'The file starts with -----BEGIN RSA PRIVATE KEY----- and some more words follow after it.',
    `key = 'AKIAIOSFODNN7EXAMPLE'`,
    'https://user:password@example.org and https://user:${PASSWORD}@example.org and https://x:[redacted]@y.z',
    '.sk-folding-cube-with-a-very-long-name-for-a-class { color: red }',
    'git clone https://github.com/a/b.git && ssh://git@github.com:22/a/b',
    'xoxo, task-1234567890123456789012345678901234567890',
    'npm_config_registry npm_lifecycle_event',
    '0123456789abcdef0123456789abcdef01234567',
    '{"integrity":"sha512-eyJub3QiOiJhIHRva2VuIn0=="}',
  ])('leaves ordinary text alone (%#)', (text) => {
    expect(bare.scrub(text)).toBe(text);
    expect(bare.findSecrets(text)).toEqual([]);
  });

  it('names each secret once a line, in the order of the lines, known values too', () => {
    const text = `${fake('ghp_', 36)}\n\n${KEY} ${KEY}\n${fake('npm_', 36)} ${fake('ghp_', 36)}\n`;
    expect(redactor.findSecrets(text)).toEqual([
      { rule: 'GitHub token', line: 1 },
      { rule: 'known secret', line: 3 },
      { rule: 'npm token', line: 4 },
      { rule: 'GitHub token', line: 4 },
    ]);
  });

  it.each([
    ['headers of keys', '-----BEGIN PRIVATE KEY-----'],
    ['starts of tokens', 'eyJhbGciOiJub25l'],
    ['starts of tokens with dashes', 'eyJ-'],
    ['addresses', 'https://a:'],
    ['separators', '-----BEGIN PRIVATE KEY-----\\n\\r"\'+, '],
    ['headers', 'Authorization: Bearer '],
    ['dashes', 'sk-'],
  ])('stays quick on four megabytes of %s', (_, unit) => {
    const text = unit.repeat(Math.floor(4_000_000 / unit.length));
    const startedAt = performance.now();
    bare.scrub(text);
    bare.findSecrets(text);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});
