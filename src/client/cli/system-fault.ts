/** Errors of the file system that are no defect of weaver: a full disk, and folders that may not be written. */
import { catalogueFault, WeaverFault } from '../weaver-fault.js';

/** Errors wrap each other a few times; a chain may be a ring. */
const DEPTH_MAX = 8;

const FULL = ['ENOSPC', 'EDQUOT'];
const FORBIDDEN = ['EACCES', 'EPERM', 'EROFS'];
/** Of `mkdir` alone these mean the place, not something that weaver has lost. */
const NO_PLACE = ['ENOENT', 'ENOTDIR'];
/** Programs that may not be started, and the kernel's table of watches, are another matter. */
const NOT_OF_FILES = /^(spawn|connect|listen|bind|kill|watch|inotify)/;

interface SystemError {
  readonly code: string;
  readonly syscall: string;
  readonly path: string;
  readonly message: string;
}

/** Null for anything else. */
export function systemFault(thrown: unknown): WeaverFault | null {
  const error = systemErrorIn(thrown);
  if (error === null || NOT_OF_FILES.test(error.syscall)) return null;
  if (FULL.includes(error.code)) return catalogueFault('diskFull', error.message, thrown);
  const isForbidden = FORBIDDEN.includes(error.code) || (error.syscall === 'mkdir' && NO_PLACE.includes(error.code));
  return isForbidden && error.path !== '' ? unwritable(error, thrown) : null;
}

const unwritable = ({ code, path }: SystemError, cause: unknown): WeaverFault =>
  new WeaverFault(
    {
      code: 'badConfiguration',
      message: `${path} cannot be used (${code}).`,
      next: 'Mend its rights, or set WEAVER_HOME (what is kept of jobs) and XDG_CACHE_HOME (programs) to folders of yours.',
    },
    3,
    { cause },
  );

function systemErrorIn(thrown: unknown): SystemError | null {
  let error = thrown;
  for (let depth = 0; depth < DEPTH_MAX && error instanceof Error; depth += 1) {
    const { code, syscall, path } = error as NodeJS.ErrnoException;
    if (typeof code === 'string' && typeof syscall === 'string')
      return { code, syscall, path: path ?? '', message: error.message };
    error = error.cause;
  }
  return null;
}
