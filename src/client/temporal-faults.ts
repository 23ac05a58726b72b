/** From what the Temporal client throws to a fault of weaver. */
import { isGrpcServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { catalogueFault, WeaverFault } from './weaver-fault.js';

/** Numbers of gRPC's status codes. */
const GRPC = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Runs one question to the server; whatever goes wrong with the connection becomes a fault with a next step. */
export async function asking<T>(address: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    throw temporalFault(thrown, address) ?? thrown;
  }
}

/**
 * Null if it says nothing about the connection or the server.
 * @param waitedMs how long the answer was waited for, if that is known: the server's client tells the last try's time alone
 */
export function temporalFault(thrown: unknown, address: string, waitedMs?: number): WeaverFault | null {
  if (thrown instanceof WeaverFault) return thrown;
  if (thrown instanceof NamespaceNotFoundError) return noNamespace(thrown, address);
  const error = grpcErrorIn(thrown);
  if (error === null) return null;
  const says = (error.details || 'no answer').slice(0, 300);
  switch (error.code) {
    case GRPC.deadlineExceeded:
      return catalogueFault('temporalUnreachable', `${address}: ${noAnswerIn(waitedMs)}`, thrown);
    case GRPC.unavailable:
      return catalogueFault('temporalUnreachable', `${address}: ${says}`, thrown);
    case GRPC.unauthenticated:
    case GRPC.permissionDenied:
      return refused(says, address, thrown);
    case GRPC.invalidArgument:
      return /search attribute/i.test(says)
        ? catalogueFault('searchAttributesMissing', says, thrown)
        : odd(says, address, thrown);
    default:
      return odd(says, address, thrown);
  }
}

const noAnswerIn = (waitedMs: number | undefined): string =>
  waitedMs === undefined ? 'no answer in time' : `no answer in ${Math.max(1, Math.round(waitedMs / 1_000))} s`;

const noNamespace = (thrown: NamespaceNotFoundError, address: string): WeaverFault =>
  new WeaverFault(
    {
      code: 'temporalNamespace',
      message: `The Temporal server at ${address} has no namespace ${thrown.namespace}.`,
      next: 'Set TEMPORAL_NAMESPACE, or make the namespace on the server.',
    },
    3,
    { cause: thrown },
  );

const refused = (says: string, address: string, cause: unknown): WeaverFault =>
  new WeaverFault(
    {
      code: 'temporalCredentials',
      message: `The Temporal server at ${address} refuses the credentials: ${says}`,
      next: 'Check TEMPORAL_API_KEY, TEMPORAL_TLS_* or the profile of temporal.toml, and the namespace.',
    },
    3,
    { cause },
  );

/** Something answers, but not as a Temporal server does. */
const odd = (says: string, address: string, cause: unknown): WeaverFault =>
  new WeaverFault(
    {
      code: 'temporalUnreachable',
      message: `What answers at ${address} does not do as a Temporal server does: ${says}`,
      next: 'Check TEMPORAL_ADDRESS and proxies on the way; weaver doctor looks at the server.',
    },
    4,
    { cause },
  );

/** True if the server is there but did not get an answer from a worker in time, or there is no such query. */
export const isUnanswered = (thrown: unknown): boolean => {
  const code = grpcCode(thrown);
  return code !== null && code !== GRPC.unauthenticated && code !== GRPC.permissionDenied;
};

/** gRPC's words where nobody has spoken its protocol in time; it has no code for that. */
const NOT_CONNECTED = 'Failed to connect before the deadline';

/** True if the server may be there and have too much to do: the answer did not come in time, or the connection broke. */
export function isLate(thrown: unknown): boolean {
  if (thrown instanceof WeaverFault) return false;
  const error = grpcErrorIn(thrown);
  return (
    (thrown instanceof Error && thrown.message === NOT_CONNECTED) ||
    error?.code === GRPC.deadlineExceeded ||
    (error?.code === GRPC.unavailable && !/certificate|\b(SSL|TLS)\b|ECONNREFUSED|ENOTFOUND/i.test(error.details))
  );
}

export const isNotFound = (thrown: unknown): boolean =>
  grpcCode(thrown) === GRPC.notFound || (thrown instanceof Error && thrown.name === 'WorkflowNotFoundError');

export const isAborted = (thrown: unknown): boolean => grpcCode(thrown) === GRPC.cancelled;

function grpcCode(thrown: unknown): number | null {
  const error = grpcErrorIn(thrown);
  return error === null ? null : error.code;
}

/** The SDK wraps the status in errors of its own. */
function grpcErrorIn(thrown: unknown): { readonly code: number; readonly details: string } | null {
  let error = thrown;
  for (let depth = 0; depth < 4 && error instanceof Error; depth += 1) {
    if (isGrpcServiceError(error)) return { code: error.code, details: error.details };
    error = error.cause;
  }
  return null;
}
