import type { ServiceError } from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'
import { MeridianError } from '@meridian/topology'

/** What became of a request that was sent. */
export type Verdict =
  /** Refused by a server that looked at it: no effect, and no better elsewhere. */
  | 'refused'
  /** No answer, or one that may hide an effect. */
  | 'unanswered'

/**
 * The one place that knows gRPC's codes. Anything that is not surely a refusal counts as unanswered, UNAVAILABLE
 * above all: etcd says so both before it proposes (no leader) and after (the proposal timed out).
 */
export function verdictOf(error: unknown): Verdict {
  switch (codeOf(error)) {
    case status.INVALID_ARGUMENT:
    case status.NOT_FOUND:
    case status.ALREADY_EXISTS:
    case status.PERMISSION_DENIED:
    case status.FAILED_PRECONDITION:
    case status.OUT_OF_RANGE:
    case status.UNIMPLEMENTED:
    case status.UNAUTHENTICATED:
    case status.DATA_LOSS:
      return 'refused'
    default:
      return 'unanswered'
  }
}

export function isNotFound(error: unknown): boolean {
  return codeOf(error) === status.NOT_FOUND
}

/** @param what the call, for people. */
export function asReadError(error: unknown, what: string): MeridianError {
  if (verdictOf(error) === 'unanswered') return storeError('UNAVAILABLE', `etcd gave no answer to ${what}.`, error)
  if (codeOf(error) === status.OUT_OF_RANGE) {
    // One code for two opposites; only the text tells the past from the future. A member that lags behind the
    // revision asked for is no error of the caller.
    return isServiceError(error) && error.details.includes('compacted')
      ? storeError('COMPACTED', `The revision of ${what} is gone.`, error)
      : storeError('UNAVAILABLE', `The revision of ${what} has not reached this member.`, error)
  }
  return refusal(error, what)
}

export function asWriteError(error: unknown, what: string): MeridianError {
  if (verdictOf(error) === 'refused') return refusal(error, what)
  return storeError('OUTCOME_UNKNOWN', `etcd did not answer ${what}, which may have had its effect.`, error)
}

function refusal(error: unknown, what: string): MeridianError {
  const code = codeOf(error)
  const ours = code === status.INVALID_ARGUMENT || code === status.NOT_FOUND ? 'INVALID_ARGUMENT' : 'INTERNAL'
  return storeError(ours, `etcd refused ${what}.`, error)
}

function storeError(
  code: 'UNAVAILABLE' | 'OUTCOME_UNKNOWN' | 'COMPACTED' | 'INVALID_ARGUMENT' | 'INTERNAL',
  message: string,
  cause: unknown,
): MeridianError {
  const details: Record<string, string> = {}
  if (isServiceError(cause)) details['grpc'] = `${status[cause.code]}: ${cause.details}`
  return new MeridianError(code, message, { cause, details })
}

function codeOf(error: unknown): status | undefined {
  return isServiceError(error) ? error.code : undefined
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error
}
