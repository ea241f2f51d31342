import { ERROR_TABLE } from '@meridian/protocol'
import type { ErrorRow } from '@meridian/protocol'
import { ERROR_CODES } from '@meridian/topology'
import type { ErrorCode } from '@meridian/topology'
import { tableLines, wrapText } from './table.ts'
import type { Layout } from './table.ts'

/** Names of the gRPC status codes, by number. */
const GRPC_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

export const grpcName = (row: ErrorRow): string => GRPC_NAMES[row.grpc] ?? String(row.grpc)

export function errorJson(code: ErrorCode) {
  const row = ERROR_TABLE[code]
  return { code, grpc: row.grpc, grpcName: grpcName(row), retry: row.retry, exit: row.exit, meaning: row.meaning }
}

/** Each error in a line, and its meaning below. */
export function errorLines(codes: readonly ErrorCode[], layout: Layout): string[] {
  const table = tableLines(
    [{ title: 'code' }, { title: 'gRPC status' }, { title: 'retry' }, { title: 'exit', align: 'right' }],
    codes.map((code) => {
      const row = ERROR_TABLE[code]
      return [{ text: code, tone: 'title' }, grpcName(row), row.retry, String(row.exit)]
    }),
    layout,
  )
  const [titles = '', ...rows] = table
  return [
    titles,
    ...codes.flatMap((code, at) => [
      rows[at] ?? '',
      ...wrapText(ERROR_TABLE[code].meaning, layout.width - 4).map((line) => `    ${line}`),
    ]),
  ]
}

/** The table of docs/errors.md. */
export function errorPageLines(): string[] {
  return [
    '| code | gRPC status | retry | exit | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...ERROR_CODES.map((code) => {
      const row = ERROR_TABLE[code]
      return `| ${code} | ${row.grpc} ${grpcName(row)} | ${row.retry} | ${row.exit} | ${row.meaning} |`
    }),
  ]
}
