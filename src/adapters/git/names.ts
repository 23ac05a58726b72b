/** What may be handed to git as an argument: names are checked here, so that none is taken for an option or for another thing. */
import { PortFault } from '../../ports.js';

/** Hosts and paths of remotes; longer ones are no addresses. */
const URL_CHARACTERS_MAX = 2_000;

/** What file systems allow for one name, with room for `.lock`. */
const BRANCH_BYTES_MAX = 240;

const invalid = (says: string): PortFault => new PortFault('invalidTask', says, false);

/** Throws unless the address is https, http, ssh, git or file, an absolute path, or `user@host:path`. */
export function assertUrl(url: string): void {
  // eslint-disable-next-line no-control-regex
  if (url.length > URL_CHARACTERS_MAX || /[\u0000-\u001f\u007f]/.test(url))
    throw invalid('The address of the repository is not valid.');
  if (/^[a-z]+:\/\/[^/]*:[^/@]*@/i.test(url))
    throw new PortFault(
      'remoteCredentials',
      'The address of the repository has a password in it: take it out and configure a token.',
      false,
    );
  if (url.startsWith('/')) return;
  if (url.startsWith('file:///')) return;
  if (/^(?:https?|ssh|git):\/\/(?:[^/@\s-][^/@\s]*@)?[^/@\s-][^/@\s]*(?:\/|$)/.test(url)) return;
  // scp-like: no `::`, which names a remote helper.
  if (/^(?:[^/@:\s-][^/@:\s]*@)?[^/@:\s-][^/@:\s]*:(?!:)/.test(url) && !/^[a-z]+:\/\//i.test(url)) return;
  throw invalid(
    'The address of the repository is none that weaver fetches from (https, ssh, git, file or an absolute path).',
  );
}

/** Throws unless git would accept `refs/heads/<branch>` (the rules of `git check-ref-format`) and it is no option. */
export function assertBranch(branch: string): void {
  const wrong =
    branch === '' ||
    branch === '@' ||
    branch === 'HEAD' ||
    branch.startsWith('-') ||
    // eslint-disable-next-line no-control-regex
    /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$/.test(branch) ||
    branch
      .split('/')
      .some((part) => part.startsWith('.') || part.endsWith('.lock') || Buffer.byteLength(part) > BRANCH_BYTES_MAX);
  if (wrong) throw invalid(`${JSON.stringify(branch.slice(0, BRANCH_BYTES_MAX))} is no name for a branch.`);
}

/** Throws unless the text is a full object id (SHA-1 or SHA-256). */
export function assertObjectId(id: string): void {
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(id))
    throw new PortFault('infrastructure', `${JSON.stringify(id.slice(0, 80))} is no object id.`, false);
}

/** Throws unless the name is one plain folder name. A lineage has 200 characters at most; a work tree may be named beside it. */
export function assertWorkspace(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._~-]{0,209}$/.test(name))
    throw new PortFault('infrastructure', `${JSON.stringify(name.slice(0, 200))} is no name for a workspace.`, false);
}

/** Throws unless the path stays inside the tree and out of git's own folder, also on file systems that fold case. */
export function assertTreePath(path: string): void {
  const refused =
    path.includes('\0') ||
    path
      .split('/')
      .some((part) => part === '' || part === '.' || part === '..' || /^(?:\.git|git~1)[ .]*$/i.test(part));
  if (refused)
    throw new PortFault('refusedPath', `The path ${JSON.stringify(path.slice(0, 300))} may not be written.`, false);
}

/** Splits `Name <address>`; throws on what would break the header of a commit. */
export function assertAuthor(author: string): void {
  // eslint-disable-next-line no-control-regex
  if (!/^[^<>\u0000-\u001f\s](?:[^<>\u0000-\u001f]*[^<>\u0000-\u001f\s])? <[^<>\s\u0000-\u001f]+>$/.test(author))
    throw invalid(`${JSON.stringify(author.slice(0, 200))} is no author: write Name <address>.`);
}
