/**
 * Shapes of well-known credentials. Collected from the providers' own descriptions of their formats and from the default
 * rules of gitleaks (config/gitleaks.toml) and secretlint (rule-preset-recommend); the libraries themselves are a Go program
 * and packages that Node 20 cannot `require`.
 */

export interface SecretPattern {
  readonly rule: string;
  /** One of these is in every match: most texts have none, and are done after that look. */
  readonly keywords: readonly string[];
  /** Global. Linear: starts where a word starts, repeats are bounded or of one kind of character. Group 1 and 2 stay. */
  readonly pattern: RegExp;
  /** Matches that are no secret, such as the examples of the providers' manuals. */
  readonly harmless?: RegExp;
  /** False for shapes that tests and documents are full of: taken out of logs, but no reason to refuse a change. */
  readonly refused: boolean;
}

/** What no token is preceded by: inside a longer run of such characters it is something else. */
const START = '(?<![\\w-])';

const token = (rule: string, keywords: readonly string[], shape: string, harmless?: RegExp): SecretPattern => ({
  rule,
  keywords,
  pattern: new RegExp(`${START}${shape}`, 'g'),
  ...(harmless === undefined ? {} : { harmless }),
  refused: true,
});

export const SECRET_PATTERNS: readonly SecretPattern[] = [
  {
    rule: 'private key',
    keywords: ['PRIVATE KEY'],
    pattern: privateKey(),
    refused: true,
  },
  token('Anthropic key', ['sk-ant-'], 'sk-ant-[\\w-]{20,200}'),
  token('OpenAI key', ['sk-'], 'sk-(?:(?:proj|svcacct|admin)-[\\w-]{32,250}|(?:or-v1-)?[A-Za-z0-9]{32,200}(?![\\w-]))'),
  token('GitHub token', ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], 'gh[pousr]_[A-Za-z0-9]{36,255}'),
  token('GitHub token', ['github_pat_'], 'github_pat_\\w{22,255}'),
  token('GitLab token', ['glpat-', 'gldt-', 'glrt-', 'glptt-', 'glcbt-'], 'gl(?:pat|dt|rt|ptt|cbt)-[\\w.-]{20,300}'),
  token('AWS key', ['AKIA', 'ASIA', 'ABIA', 'ACCA'], '(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?!\\w)', /EXAMPLE$/),
  {
    rule: 'AWS secret key',
    keywords: ['secret_access_key', 'SECRET_ACCESS_KEY', 'secretAccessKey'],
    pattern: /(\b(?:aws_)?secret_?access_?key["']?\s{0,5}[:=]\s{0,5}["']?)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/gi,
    harmless: /EXAMPLE/,
    refused: true,
  },
  token('Slack token', ['xox', 'xapp-'], '(?:xox[abeoprs]|xapp)-[\\w-]{10,250}'),
  token('Slack webhook', ['hooks.slack.com'], 'hooks\\.slack\\.com/(?:services|workflows)/[\\w+/]{43,60}'),
  token('Google key', ['AIza'], 'AIza[\\w-]{35}(?![\\w-])'),
  token('Google client secret', ['GOCSPX-'], 'GOCSPX-[\\w-]{28}(?![\\w-])'),
  token('Stripe key', ['k_live_', 'k_prod_'], '[rs]k_(?:live|prod)_[A-Za-z0-9]{10,200}'),
  token('npm token', ['npm_'], 'npm_[A-Za-z0-9]{36}(?!\\w)'),
  token('PyPI token', ['pypi-AgE'], 'pypi-AgE[\\w-]{50,500}'),
  token('Hugging Face token', ['hf_'], 'hf_[A-Za-z]{34}(?!\\w)'),
  token('Groq key', ['gsk_'], 'gsk_[A-Za-z0-9]{52}(?!\\w)'),
  token('SendGrid key', ['SG.'], 'SG\\.[\\w-]{22}\\.[\\w-]{43}(?![\\w-])'),
  token('DigitalOcean token', ['_v1_'], 'do[opr]_v1_[a-f0-9]{64}(?!\\w)'),
  token('Vault token', ['hvs.', 'hvb.'], 'hv[sb]\\.[\\w-]{90,300}'),
  token('age key', ['AGE-SECRET-KEY-1'], 'AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}'),
  token(
    'JSON web token',
    ['eyJ'],
    'eyJ[\\w-]{10,4000}\\.eyJ[\\w-]{10,8000}\\.[\\w-]{10,2000}',
    // The one that every manual shows: subject 1234567890.
    /\.eyJzdWIiOiIxMjM0NTY3ODkwIi/,
  ),
  {
    rule: 'password in a URL',
    keywords: ['://'],
    pattern: /(\bhttps?:\/\/[^\s/:@"'<>]{0,100}:)[^\s/@"'<>]{3,300}(?=@[\w[])/gi,
    // Variables and words that stand for a password.
    harmless: /:(?:[$%{*[]|(?:pass(?:word|wd)?|secret|token|x-oauth-basic|changeme|hunter2|pwd)$)/i,
    refused: true,
  },
  {
    rule: 'authorization header',
    keywords: ['uthorization', 'UTHORIZATION'],
    pattern: /(\bauthorization["']?\s{0,3}[:=]\s{0,3}["']?(?:bearer|basic|token)\s{1,3})[\w.~+/=-]{12,4000}/gi,
    refused: false,
  },
];

/** A header with a key after it: whole, cut, quoted, escaped or with the signs of a diff. A mere mention of the header is none. */
function privateKey(): RegExp {
  const label = '(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?';
  const between = `(?:\\\\[nr]|["'+, \\t\\r\\\\]|\\n-?)`;
  const about = `(?:${between}{0,20}(?:Proc-Type|DEK-Info|Version|Comment):[^\\n\\\\]{0,200}){0,5}`;
  const body = '[A-Za-z0-9+/=]{30,200}(?:[A-Za-z0-9+/=\\s\\\\"\',]|-(?=[A-Za-z0-9+/=])){0,20000}';
  return new RegExp(`-----BEGIN ${label}-----${about}${between}{0,40}${body}(?:-?-----END ${label}-----)?`, 'g');
}
